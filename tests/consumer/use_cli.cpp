// A program of a user's own with an environment and an algorithm that the library does not know: the example,
// built from outside.
#include "../../examples/own_algorithm.cpp"
