"""DFT-Net: edit the expression of a face photo by Action Units."""
