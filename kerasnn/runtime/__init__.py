"""The process and the machine: the import of Keras, memory, cores, forks, and wall-clock phases."""
