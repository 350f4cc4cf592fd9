"""Where lanes live: one interface, several stores, one contract suite."""
