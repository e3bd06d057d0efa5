// Commands in the documentation against what the program says of itself.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "pages.hpp"

namespace docs {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>&1").c_str(), "r"), pclose);
  std::string text;
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
    text.append(buffer.data(), n);
  return text;
}

struct Command {
  std::string where;
  std::vector<std::string> words;  // after `mbrl`
};

void add_command(std::string text, const std::string& where, std::vector<Command>& out) {
  text = trimmed(text);
  if (text.rfind("mbrl ", 0) != 0) return;
  if (const auto comment = text.find(" #"); comment != std::string::npos) text.resize(comment);
  std::istringstream in(text.substr(5));
  Command command{where, {}};
  for (std::string word; in >> word;) {
    if (word.front() == '|' || word.front() == '>' || word.front() == '&' || word.front() == ';') break;
    command.words.push_back(word);
  }
  if (!command.words.empty()) out.push_back(std::move(command));
}

// Those in blocks of sh and in `code` within lines.
std::vector<Command> commands_of(const fs::path& root, const fs::path& path) {
  std::vector<Command> found;
  for (const Block& block : blocks(root, path)) {
    if (block.language != "sh") continue;
    std::string text;
    for (std::size_t i = 0; i < block.lines.size(); ++i) {
      text += block.lines[i];
      if (!text.empty() && text.back() == '\\') {
        text.back() = ' ';
        continue;
      }
      static const std::regex screen("^xvfb-run -a ");
      add_command(std::regex_replace(text, screen, ""), block.page + ":" + std::to_string(block.line + i),
                  found);
      text.clear();
    }
  }
  static const std::regex code("`(mbrl [^`]+)`");
  const std::vector<std::string> lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (std::sregex_iterator match(lines[i].begin(), lines[i].end(), code), end; match != end; ++match)
      add_command((*match)[1], fs::relative(path, root).string() + ":" + std::to_string(i + 1), found);
  return found;
}

bool holds_word(const std::string& text, const std::string& word) {
  const auto part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  };
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !part(text[at - 1])) && (end == text.size() || !part(text[end]))) return true;
  }
  return false;
}

}  // namespace

int commands(const fs::path& root, const std::string& program) {
  std::map<std::string, std::string> answers;
  const auto ask = [&](const std::string& arguments) -> const std::string& {
    auto [entry, fresh] = answers.try_emplace(arguments);
    if (fresh) entry->second = output_of("'" + program + "' " + arguments);
    return entry->second;
  };
  int checked = 0, wrong = 0;
  const auto complain = [&](const Command& command, const std::string& what) {
    std::printf("%s: mbrl", command.where.c_str());
    for (const std::string& word : command.words) std::printf(" %s", word.c_str());
    std::printf("\n  %s\n", what.c_str());
    ++wrong;
  };
  for (const fs::path& page : pages(root))
    for (const Command& command : commands_of(root, page)) {
      ++checked;
      const std::vector<std::string>& words = command.words;
      std::string name;
      if (words[0].front() != '-') {
        name = words[0];
        if (!holds_word(ask("--help"), name)) {
          complain(command, "there is no command " + name);
          continue;
        }
        if (name == "train" && words.size() > 1 && words[1].front() != '-') name += " " + words[1];
      }
      const std::string help = ask(name + " --help");
      std::string env = "Pendulum-v1";  // settings depend on it
      for (std::size_t i = 0; i + 1 < words.size(); ++i)
        if (words[i] == "--env" && holds_word(ask("envs"), words[i + 1])) env = words[i + 1];
      for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].rfind("--", 0) != 0) continue;
        const std::string option = words[i].substr(0, words[i].find('='));
        if (!holds_word(help, option)) {
          complain(command, "mbrl " + name + " --help does not list " + option);
          continue;
        }
        std::string value = words[i].size() > option.size() ? words[i].substr(option.size() + 1)
                            : i + 1 < words.size()          ? words[i + 1]
                                                            : "";
        // Words in capitals are the reader's to fill in.
        const bool placeholder = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
          return std::isupper(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ',' || c == '.';
        });
        if (value.empty() || placeholder) continue;
        if (option == "--env") {
          std::istringstream names(value);
          for (std::string one; std::getline(names, one, ',');)
            if (!holds_word(ask("envs"), one)) complain(command, "mbrl envs does not list " + one);
        }
        if (option == "--set" && (name == "train pets" || name == "plan")) {
          const std::string key = value.substr(0, value.find('='));
          if (!holds_word(ask(name + " --env '" + env + "' --list-settings"), key))
            complain(command, "mbrl " + name + " --list-settings does not list " + key);
        }
      }
    }
  std::printf("%d commands, %d complaints\n", checked, wrong);
  return wrong == 0 && checked >= 20 ? 0 : 1;
}

}  // namespace docs
