"""The benchmark behind ``make bench``: a real gateway process between a model server and customers, all on loopback."""
