"""The local cloud: the real template on an emulator, for developers only."""
