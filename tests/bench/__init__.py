"""The benchmarks, which `make bench` runs; the documentation shows what they found."""
