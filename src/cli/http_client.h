// Requests to the HTTP door.
//
// Errors:  kInvalid for what is not an http or https URL; kUnavailable when no answer came or its
//          status is not 200: then with what the server said.
// Secrets: AdminClient puts user and password into the Authorization header alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace nunc {

// The body of the answer to `POST /` with `body`.
Result<std::string> Post(const std::string& url, std::string_view body);

struct AdminAccess {
  std::string host;  // URL of the HTTP door
  std::string user;
  std::string password;
};

// Of an answer with status 200.
struct BodyTaker {
  std::function<Result<void>(std::uint64_t estimate)> begin;  // X-Nunc-Estimate; 0: not told
  std::function<Result<void>(std::string_view bytes)> take;
};

// Requests of an admin, one after the other over one connection.
class AdminClient {
 public:
  explicit AdminClient(AdminAccess access);
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;
  ~AdminClient();

  // `path` begins with a slash, and may have a query. Ends well only when the whole body has come.
  Result<void> Get(const std::string& path, const BodyTaker& taker);
  Result<std::string> PostBlock(const std::string& path, std::string_view block);
  // As the value of a query.
  [[nodiscard]] std::string Escape(std::string_view text) const;

 private:
  struct Handle;

  std::string Begin(const std::string& path);

  AdminAccess access_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace nunc
