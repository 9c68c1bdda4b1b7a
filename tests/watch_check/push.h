// What a watcher was told, in the words of the protocol it came by.
//
// Errors:  kInvalid for what is no push of nunc.1 and no event of the text protocol.
// Owner:   nunc_watch_check and its tests.
// Source:  docs/protocol.md (pushes); docs/language.md (watches).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/ids.h"
#include "core/output.h"
#include "core/watch_history.h"

namespace nunc {

struct Push {
  ChangeKind kind = ChangeKind::kSet;
  std::string key{};           // or the pattern; empty: of all in the database
  std::string value{};         // of kStarted what follows, of kReady the token
  bool is_json = false;        // the value is any text of that meaning
  bool is_text = false;        // the text protocol: no revision, time or `more` is told
  bool says_the_same = false;  // again what was told just before
  std::int64_t version = 0;
  Revision revision{};
  bool timed = false;
  bool more = false;
};

// A line of the text protocol or a message of nunc.1.
Result<Push> ParsePush(std::string_view text);
// Of the same meaning.
bool SameJson(std::string_view one, std::string_view other);

}  // namespace nunc
