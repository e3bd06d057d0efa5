// What is said where the command line was not understood.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mbrl::cli {

// What the program is called, for advice on how to go on: a user's program has a name of its own.
void name_program(const char* path);
const std::string& program_name();

// A command with a line for the list of commands; its own help shows the details too.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& summary,
                      const std::string& details);

// The whole number of at least 0 that the text is, all of it; none otherwise.
std::optional<std::uint64_t> whole_number(std::string_view text);

// "rollout.horizon" of "rollout.horizon=20".
std::string assigned_key(const std::string& assignment);

// The parts of a list, without blanks around them; one at least.
std::vector<std::string> split(std::string_view text, std::string_view separator);

// --seed, a whole number of at least 0 (the parser alone would take -1 for the largest).
void add_seed(CLI::App& command, std::uint64_t& seed, const std::string& help);

// One line: the word that was not understood, with the nearest command or option; else what is missing. `app`
// has just thrown `error` from its parse.
std::string misunderstanding(const CLI::App& app, const CLI::ParseError& error);

// Throws unless everything printed so far has reached its file, device or pipe: results that are lost are not
// done.
void flush_output();

}  // namespace mbrl::cli
