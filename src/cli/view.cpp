#include "commands.hpp"
namespace mbrl::cli {
void add_view(CLI::App&) {}
}  // namespace mbrl::cli
