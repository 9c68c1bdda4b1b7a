// Bytes that somebody makes piece by piece while somebody else sends them.
//
// Shape:   Pull gives what is ready, when the reader has room for it: how fast it is read bounds
//          how much is made. A source that waits calls the function given to OnMore once there is
//          something to do again, and only inside Persistence::Collect.
// Errors:  kFailed: what has been pulled is not whole, and the reader must be able to see that.
// Owner:   who sends; destroying it ends the work.
// Thread:  loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace nunc {

class BodySource {
 public:
  enum class State : std::uint8_t {
    kMore,     // pull again in the next turn
    kWaiting,  // nothing to do before OnMore's function is called
    kEnd,      // that was all
    kFailed,
  };

  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  virtual ~BodySource() = default;

  // Replaces `piece`, with nothing when nothing is ready.
  virtual State Pull(std::string& piece) = 0;
  virtual void OnMore(std::function<void()> wake) = 0;
  [[nodiscard]] virtual std::size_t BufferedBytes() const = 0;
};

}  // namespace nunc
