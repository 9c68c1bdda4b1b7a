// Writes replies and changes as JSON text of the nunc.1 protocol.
//
// Shape:   appends to a string. What a reply says is `"ok":{...}` or `"error":{...}`: whose it is
//          and whether it stands in a batch the door knows.
// Owner:   one per connection loop: a value is checked with the reader it keeps.
// Source:  docs/protocol.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/command.h"
#include "core/output.h"
#include "language/json.h"

namespace nunc {

// `permission-denied`; one word or more for each code of the core.
std::string_view Nunc1CodeOf(ErrorCode code);

class Nunc1Writer {
 public:
  // A data reply.
  void AppendData(std::string& out, const Reply& reply, const Output& output);
  // A status, where no data came before it or it is an error.
  static void AppendStatus(std::string& out, const Reply& reply, const Output& output, Verb verb);
  // A whole message. `database` is empty where it is not known any more.
  void AppendPush(std::string& out, const Change& change, std::string_view database);

 private:
  // `"value":...`, `"text":"..."` or `"base64":"..."`.
  void AppendValue(std::string& out, std::string_view value);
  void AppendFound(std::string& out, const Reply& reply);
  void AppendConflict(std::string& out, const Change& change);
  void AppendEntries(std::string& out, const Reply& reply, std::span<const Output::Row> entries);

  JsonReader reader_;
};

}  // namespace nunc
