// Catch2 2 needs its main function compiled once; Catch2 3 brings a library for it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
