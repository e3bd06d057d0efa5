// Where the tests find their files. Defined in one small source, so that no other depends on the folder of
// the clone.
#pragma once

#include <filesystem>

namespace mbrl::test {

std::filesystem::path source_folder();  // of the whole project
std::filesystem::path data_folder();    // tests/data

}  // namespace mbrl::test
