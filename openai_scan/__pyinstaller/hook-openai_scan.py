"""Tell PyInstaller what a program needs that imports the package."""  # noqa: N999 - as PyInstaller wants it

from openai_scan.__pyinstaller import data_files, modules

hiddenimports = modules()
datas = data_files()
