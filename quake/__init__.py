__version__ = "0.1.0"

from quake.compat import guard_torchvision

guard_torchvision()
