#include "command_line.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

namespace mbrl::cli {
namespace {

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// Suggestions where there is a near word; a list of commands, but no list of twenty options.
std::string suggestion(const std::string& word, const std::vector<std::string>& known, bool list) {
  const std::string text = did_you_mean(word, known);
  return list || text.find("did you mean") != std::string::npos ? text : "";
}

}  // namespace

namespace {
std::string& called() {
  static std::string name = "mbrl";
  return name;
}
}  // namespace

void name_program(const char* path) {
  if (path != nullptr && *path != '\0') called() = std::filesystem::path(path).filename().string();
}
const std::string& program_name() { return called(); }

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& summary,
                      const std::string& details) {
  CLI::App* command = app.add_subcommand(name, summary);
  command->footer(details);
  return command;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string assigned_key(const std::string& assignment) {
  return std::string(trim(assignment.substr(0, assignment.find('='))));
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t at; (at = text.find(separator)) != std::string_view::npos;
       text.remove_prefix(at + separator.size()))
    parts.emplace_back(trim(text.substr(0, at)));
  parts.emplace_back(trim(text));
  return parts;
}

void add_seed(CLI::App& command, std::uint64_t& seed, const std::string& help) {
  const auto complaint = [](const std::string& text) {
    return whole_number(text) ? "" : "'" + text + "', expected a whole number from 0 to 18446744073709551615";
  };
  command.add_option("--seed", seed, help)->check(CLI::Validator(complaint, ""))->capture_default_str();
}

std::string misunderstanding(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* level = &app;
  std::string path = program_name();
  while (true) {
    const std::vector<std::string> unknown = level->remaining();
    const std::string help = "; see '" + path + " --help'";
    if (!unknown.empty()) {
      const std::string word = unknown.front().substr(0, unknown.front().find('='));
      if (word.starts_with('-'))
        return path + ": unknown option '" + word + "'" + suggestion(word, options_of(*level), false) + help;
      if (const auto commands = commands_of(*level); !commands.empty())
        return path + ": unknown command '" + word + "'" + suggestion(word, commands, true) + help;
      return path + ": '" + word + "' was not expected" + help;
    }
    const auto chosen = level->get_subcommands();
    if (chosen.empty()) {
      if (const auto commands = commands_of(*level); !commands.empty()) {
        std::string list;
        for (const std::string& name : commands) list += (list.empty() ? "" : ", ") + name;
        return path + ": a command is missing, expected one of " + list + help;
      }
      return path + ": " + error.what() + help;
    }
    level = chosen.back();
    path += " " + level->get_name();
  }
}

void flush_output() {
  std::cout.flush();
  const bool streamed = static_cast<bool>(std::cout);
  const int error = std::fflush(stdout) == 0 ? 0 : errno;
  require(error == 0, "the output cannot be written: ", std::strerror(error));
  require(streamed && std::ferror(stdout) == 0,
          "the output cannot be written: an earlier part of it was lost");
}

}  // namespace mbrl::cli
