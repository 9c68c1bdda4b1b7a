#include "cli/http_client.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <curl/curl.h>

#include "cli/escape.h"
#include "server/config.h"

namespace nunc {

namespace {

constexpr long kConnectTimeoutMs = 5'000;
constexpr long kAnswerTimeoutMs = 300'000;
// Of a body that comes as long as it may: so long nothing at all.
constexpr long kSilenceTimeoutS = 120;
constexpr std::size_t kRefusalBytesMax = 1'024;
constexpr long kGood = 200;
constexpr std::size_t kAnswerBytesMax = std::size_t{256} << 20;

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(char* text) const { curl_free(text); }
};

// libcurl calls it; taking less than offered ends the transfer.
std::size_t Take(const char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& answer = *static_cast<std::string*>(into);
  if (answer.size() + size * count > kAnswerBytesMax) {
    return 0;
  }
  answer.append(bytes, size * count);
  return size * count;
}

// A proxy from the environment is for the world outside; it cannot reach this machine's loopback.
bool IsLoopbackUrl(const std::string& url) {
  const std::unique_ptr<CURLU, FreeCurl> parts(curl_url());
  char* host = nullptr;
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), CURLU_GUESS_SCHEME) != CURLUE_OK ||
      curl_url_get(parts.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return false;
  }
  const std::unique_ptr<char, FreeCurl> owned(host);
  std::string name(host);
  if (name.starts_with('[') && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
  }
  return IsLoopback(HostPort{.host = name});
}

void Prepare(CURL* c, const std::string& url) {
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  if (IsLoopbackUrl(url)) {
    curl_easy_setopt(c, CURLOPT_PROXY, "");
  }
}

void SetBody(CURL* c, std::string_view body, const curl_slist* headers, std::string& answer) {
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, kAnswerTimeoutMs);
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &Take);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
}

// Without the empty Expect a body above 1 MiB waits a second for a 100 Continue.
std::unique_ptr<curl_slist, FreeCurl> BodyHeaders(const char* content_type) {
  std::unique_ptr<curl_slist, FreeCurl> headers(curl_slist_append(nullptr, content_type));
  curl_slist_append(headers.get(), "Expect:");
  return headers;
}

long StatusOf(CURL* c) {
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

// What has come of it; `said` is the body of an answer with another status than 200.
Result<void> Outcome(CURL* c, CURLcode code, const std::string& url, std::string_view said) {
  curl_off_t connected_us = 0;
  curl_easy_getinfo(c, CURLINFO_CONNECT_TIME_T, &connected_us);
  // Of an answer in another protocol curl says the same as of such a URL.
  if (code == CURLE_UNSUPPORTED_PROTOCOL && connected_us > 0) {
    return Fail(Fault::kUnavailable,
                url + " does not speak HTTP: is it another port of the server?");
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return Fail(Fault::kInvalid, "--host \"" + url + "\": allowed is http://HOST:PORT or https://");
  }
  if (code != CURLE_OK) {
    return Fail(Fault::kUnavailable, "no answer from " + url + ": " + curl_easy_strerror(code));
  }
  const long status = StatusOf(c);
  if (status == kGood) {
    return {};
  }
  said = said.substr(0, kRefusalBytesMax);
  while (said.ends_with('\n')) {
    said.remove_suffix(1);
  }
  return Fail(Fault::kUnavailable, url + " answered with HTTP status " + std::to_string(status) +
                                       (said.empty() ? "" : ": " + HideControls(said)));
}

// A body that is taken as it comes.
struct Taking {
  CURL* curl = nullptr;
  const BodyTaker* taker = nullptr;
  bool begun = false;
  std::string refusal{};
  std::optional<Error> error{};

  Result<void> Piece(std::string_view piece) {
    if (StatusOf(curl) != kGood) {
      refusal += piece.substr(0, kRefusalBytesMax - std::min(kRefusalBytesMax, refusal.size()));
      return {};
    }
    Result<void> taken;
    if (!std::exchange(begun, true)) {
      curl_header* header = nullptr;
      const bool told =
          curl_easy_header(curl, "X-Nunc-Estimate", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
      taken = taker->begin(told ? std::strtoull(header->value, nullptr, 10) : 0);
    }
    return taken ? taker->take(piece) : taken;
  }
};

std::size_t TakePiece(const char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& taking = *static_cast<Taking*>(into);
  if (Result<void> taken = taking.Piece({bytes, size * count}); !taken) {
    taking.error = taken.error();
    return 0;
  }
  return size * count;
}

}  // namespace

Result<std::string> Post(const std::string& url, std::string_view body) {
  const std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
  if (curl == nullptr) {
    return Fail(Fault::kIo, "no HTTP client");
  }
  const auto headers = BodyHeaders("Content-Type: text/plain; charset=UTF-8");
  std::string answer;
  Prepare(curl.get(), url);
  SetBody(curl.get(), body, headers.get(), answer);
  // What it says with another status is for browsers.
  const Result<void> posted = Outcome(curl.get(), curl_easy_perform(curl.get()), url, "");
  return posted ? Result<std::string>(std::move(answer)) : tl::unexpected(posted.error());
}

struct AdminClient::Handle {
  std::unique_ptr<CURL, FreeCurl> curl{curl_easy_init()};
};

AdminClient::AdminClient(AdminAccess access)
    : access_(std::move(access)), handle_(std::make_unique<Handle>()) {
  while (access_.host.ends_with('/')) {
    access_.host.pop_back();
  }
}

AdminClient::~AdminClient() = default;

// The connection outlives the settings of the request before.
std::string AdminClient::Begin(const std::string& path) {
  CURL* const c = handle_->curl.get();
  std::string url = access_.host + path;
  curl_easy_reset(c);
  Prepare(c, url);
  curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(c, CURLOPT_USERNAME, access_.user.c_str());
  curl_easy_setopt(c, CURLOPT_PASSWORD, access_.password.c_str());
  return url;
}

Result<void> AdminClient::Get(const std::string& path, const BodyTaker& taker) {
  CURL* const c = handle_->curl.get();
  if (c == nullptr) {
    return Fail(Fault::kIo, "no HTTP client");
  }
  const std::string url = Begin(path);
  Taking taking{.curl = c, .taker = &taker};
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, kSilenceTimeoutS);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &TakePiece);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &taking);
  const CURLcode code = curl_easy_perform(c);
  if (taking.error) {
    return tl::unexpected(*taking.error);
  }
  return Outcome(c, code, url, taking.refusal);
}

Result<std::string> AdminClient::PostBlock(const std::string& path, std::string_view block) {
  CURL* const c = handle_->curl.get();
  if (c == nullptr) {
    return Fail(Fault::kIo, "no HTTP client");
  }
  const std::string url = Begin(path);
  const auto headers = BodyHeaders("Content-Type: application/octet-stream");
  std::string answer;
  SetBody(c, block, headers.get(), answer);
  const CURLcode code = curl_easy_perform(c);
  const Result<void> posted = Outcome(c, code, url, answer);
  return posted ? Result<std::string>(std::move(answer)) : tl::unexpected(posted.error());
}

std::string AdminClient::Escape(std::string_view text) const {
  const std::unique_ptr<char, FreeCurl> escaped(curl_easy_escape(
      handle_->curl.get(), text.empty() ? "" : text.data(), static_cast<int>(text.size())));
  return escaped == nullptr ? std::string() : std::string(escaped.get());
}

}  // namespace nunc
