// Progress on standard error.
#include "mbrl/io/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>

#include "mbrl/io/terminal.hpp"

namespace mbrl {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressSettings terminal_settings() {
  ProgressSettings settings;
  settings.terminal = is_terminal(STDERR_FILENO);
  if (settings.terminal) settings.width = terminal_width(STDERR_FILENO);
  return settings;
}

// Three digits: "0.45", "8.10", "413".
std::string format_rate(double rate) {
  const int decimals = rate < 10 ? 2 : rate < 100 ? 1 : 0;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f/s", decimals, rate);
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds > 1e9) return "?";
  const long s = std::max(0L, std::lround(seconds));
  char text[32];
  if (s >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
  return text;
}

ProgressBar::ProgressBar() : ProgressBar(std::cerr, terminal_settings(), steady_seconds) {}

ProgressBar::ProgressBar(std::ostream& out, const ProgressSettings& settings, std::function<double()> seconds)
    : out_(out), settings_(settings), seconds_(std::move(seconds)) {}

void ProgressBar::start(std::string label, long total, std::optional<long> done) {
  clear();
  label_ = std::move(label);
  total_ = total;
  first_ = done;
  begun_ = seconds_();
  drawn_ = settings_.terminal ? -std::numeric_limits<double>::infinity() : begun_;
}

void ProgressBar::update(long done, std::string_view note) {
  // Work that was resumed does not start at 0: the rate counts what is done from here on.
  if (!first_) first_ = std::max(0L, done - 1);
  done_ = done;
  const double now = seconds_();
  if (now - drawn_ < (settings_.terminal ? settings_.redraw_every : settings_.line_every)) return;
  drawn_ = now;
  const std::string text = line(now, note);
  if (settings_.terminal) {
    out_ << '\r' << text << "\x1b[K" << std::flush;
    visible_ = true;
  } else {
    out_ << text << '\n' << std::flush;
  }
}

void ProgressBar::clear() {
  if (!visible_) return;
  out_ << "\r\x1b[K" << std::flush;
  visible_ = false;
  drawn_ = -std::numeric_limits<double>::infinity();
}

void ProgressBar::finish() { clear(); }

std::string ProgressBar::line(double now, std::string_view note) const {
  const double share =
      total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0) : 0;
  const double spent = now - begun_;
  const double rate = spent > 0 ? static_cast<double>(done_ - first_.value_or(0)) / spent : 0;
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3.0f %%", std::floor(100 * share));

  std::string tail = std::string(percent) + "  " + std::to_string(done_) + "/" + std::to_string(total_);
  if (rate > 0)
    tail += "  " + format_rate(rate) + "  " + format_duration(static_cast<double>(total_ - done_) / rate) +
            " left";
  if (!note.empty()) tail += "  " + std::string(note);
  if (!settings_.terminal) return label_ + "  " + tail;

  // The bar takes what is left of the line, within bounds; too narrow a terminal loses the bar, then the
  // tail's end.
  const int room = settings_.width - 1 - static_cast<int>(label_.size() + tail.size()) - 6;
  std::string text = label_ + "  ";
  if (room >= 5) {
    const auto cells = static_cast<std::size_t>(std::min(room, 30));
    const auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
    text += "[" + std::string(full, '#') + std::string(cells - full, '-') + "]  ";
  }
  text += tail;
  return text.substr(0, static_cast<std::size_t>(std::max(settings_.width - 1, 1)));
}

}  // namespace mbrl
