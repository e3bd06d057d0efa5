// Catch2 in either of its major versions: the only header of Catch that a test includes.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)  // Catch2 3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else  // Catch2 2: Approx is found unqualified already
#include <catch2/catch.hpp>
#endif
