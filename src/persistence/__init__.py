"""Lane stores: one interface, three storages, one contract suite."""
