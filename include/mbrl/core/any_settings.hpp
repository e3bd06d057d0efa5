// A settings struct of any type behind one type, so that what is registered by name (an algorithm, a planner)
// can have settings of its own.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/settings.hpp"

namespace mbrl {

/// Settings without a member.
struct NoSettings {
  template <class Self, class F>
  static void describe(Self&, F&&) {}
};

/// Holds a copy of a settings struct. As a member of another settings struct it takes part in everything that
/// core/settings.hpp does by key: its members are listed, set, read and written below the name it is
/// described by, or, where that is "", beside the other members.
///   AnySettings any{CemSettings{.population = 100}};
///   any.get<CemSettings>().population;   // 100
class AnySettings {
 public:
  AnySettings() : AnySettings(NoSettings{}) {}
  /// Not from itself: whether it is copyable must not depend on this constructor.
  template <class T>
    requires(!std::same_as<T, AnySettings> && Settings<T>)
  explicit AnySettings(T settings) : self_(std::make_unique<Holder<T>>(std::move(settings))) {}
  AnySettings(const AnySettings& other) : self_(other.self_->clone()) {}
  AnySettings(AnySettings&&) noexcept = default;
  AnySettings& operator=(const AnySettings& other) {
    if (this != &other) self_ = other.self_->clone();
    return *this;
  }
  AnySettings& operator=(AnySettings&&) noexcept = default;
  ~AnySettings() = default;

  template <Settings T>
  bool holds() const {
    return dynamic_cast<const Holder<T>*>(self_.get()) != nullptr;
  }
  /// The struct inside. Throws mbrl::Error if it is of another type.
  template <Settings T>
  T& get() {
    auto* holder = dynamic_cast<Holder<T>*>(self_.get());
    require(holder != nullptr, "settings: the struct inside is of another type than the one asked for");
    return holder->settings;
  }
  template <Settings T>
  const T& get() const {
    return const_cast<AnySettings*>(this)->get<T>();
  }

  /// Adds its members to `out`, each key after `prefix`. The fields point into this object.
  void append_fields(const std::string& prefix, std::vector<SettingField>& out) {
    self_->append_fields(prefix, out);
  }

  /// Whether both hold the same type and, as text, the same values.
  friend bool operator==(const AnySettings& a, const AnySettings& b) {
    return a.self_->same_type(*b.self_) && a.text() == b.text();
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual std::unique_ptr<Interface> clone() const = 0;
    virtual bool same_type(const Interface& other) const = 0;
    virtual void append_fields(const std::string& prefix, std::vector<SettingField>& out) = 0;
  };
  template <class T>
  struct Holder final : Interface {
    explicit Holder(T s) : settings(std::move(s)) {}
    std::unique_ptr<Interface> clone() const override { return std::make_unique<Holder>(settings); }
    bool same_type(const Interface& other) const override {
      return dynamic_cast<const Holder*>(&other) != nullptr;
    }
    void append_fields(const std::string& prefix, std::vector<SettingField>& out) override {
      detail::collect_fields(settings, prefix, out);
    }
    T settings;
  };

  std::string text() const {
    std::vector<SettingField> fields;
    self_->append_fields("", fields);
    std::string all;
    for (const SettingInfo& info : detail::describe_fields(fields)) all += info.key + "=" + info.value + "\n";
    return all;
  }

  std::unique_ptr<Interface> self_;
};

}  // namespace mbrl
