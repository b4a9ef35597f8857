"""adotx: run, serve, rebuild and measure A.X 4.0 Light and A.X 4.0 VL Light. Imports nothing heavy."""

__version__ = "0.1.0"
