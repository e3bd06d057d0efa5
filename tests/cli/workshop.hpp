// The mbrl program as a shell or a terminal runs it, in a folder of the test's own.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "mbrl/io/atomic_file.hpp"

// Removed at the end.
class Workshop {
 public:
  Workshop() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mbrl_cli_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Workshop() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  // The exit status; what was written stays in the files out and err, unless `out` says where else standard
  // output goes. `before`: e.g. variables of the environment.
  int run(const std::string& arguments, const std::string& before = "",
          const std::string& out = "out") const {
    const int status = std::system((command(before, arguments) + " > " + out + " 2> err").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string text(const std::string& name) const { return mbrl::read_file(path_ / name); }

  struct Shown {
    int status = -1;
    std::string text;  // standard output and error, without carriage returns at the ends of lines
  };
  // The same with both streams on a terminal of `columns` characters a line.
  Shown run_in_terminal(const std::string& arguments, int columns, const std::string& before = "") const {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return {};
    winsize size{};
    size.ws_row = 24;
    size.ws_col = static_cast<unsigned short>(columns);
    const std::string name = ::ptsname(master);
    const int slave = ::open(name.c_str(), O_RDWR | O_NOCTTY);
    ::ioctl(slave, TIOCSWINSZ, &size);
    const std::string line = command("TERM=xterm " + before, arguments);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(slave, STDIN_FILENO);
      ::dup2(slave, STDOUT_FILENO);
      ::dup2(slave, STDERR_FILENO);
      ::close(master);
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(slave);
    Shown shown;
    char buffer[4096];
    for (ssize_t n;
         (n = ::read(master, buffer, sizeof buffer)) > 0;)  // ends with the last writer, as an error
      shown.text.append(buffer, static_cast<std::size_t>(n));
    ::close(master);
    int status = 0;
    ::waitpid(child, &status, 0);
    shown.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    for (std::size_t at; (at = shown.text.find("\r\n")) != std::string::npos;) shown.text.erase(at, 1);
    return shown;
  }

 private:
  std::string command(const std::string& before, const std::string& arguments) const {
    return "cd '" + path_.string() + "' && " + before + " '" MBRL_PROGRAM "' " + arguments;
  }

  std::filesystem::path path_;
};
