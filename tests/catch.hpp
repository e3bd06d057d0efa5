// Catch2 in either of its major versions: the only header of Catch that a test includes.
#pragma once

// Tests are written in the names of version 2, where Approx is found unqualified.
#if !__has_include(<catch2/catch_all.hpp>)

// Version 2
#include <catch2/catch.hpp>
#else  // version 3
#include <string>

#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace Catch {
using Matchers::StartsWith;
inline auto Contains(const std::string& part) { return Matchers::ContainsSubstring(part); }
}  // namespace Catch
#endif
