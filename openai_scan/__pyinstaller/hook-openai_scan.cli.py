"""Tell PyInstaller what a program needs that calls the command line."""  # noqa: N999 - as PyInstaller wants it

from openai_scan.__pyinstaller import command_line_modules

hiddenimports = command_line_modules()
