#include "cli/http_client.h"

#include <memory>

#include <curl/curl.h>

#include "server/config.h"

namespace nunc {

namespace {

constexpr long kConnectTimeoutMs = 5'000;
constexpr long kAnswerTimeoutMs = 300'000;
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

}  // namespace

Result<std::string> Post(const std::string& url, std::string_view body) {
  const std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
  if (curl == nullptr) {
    return Fail(Fault::kIo, "no HTTP client");
  }
  // Without the empty Expect a body above 1 MiB waits a second for a 100 Continue.
  const std::unique_ptr<curl_slist, FreeCurl> headers(
      curl_slist_append(nullptr, "Content-Type: text/plain; charset=UTF-8"));
  curl_slist_append(headers.get(), "Expect:");
  std::string answer;
  CURL* const c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, kAnswerTimeoutMs);
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &Take);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
  if (IsLoopbackUrl(url)) {
    curl_easy_setopt(c, CURLOPT_PROXY, "");
  }
  const CURLcode code = curl_easy_perform(c);
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return Fail(Fault::kInvalid, "--host \"" + url + "\": allowed is http://HOST:PORT or https://");
  }
  if (code != CURLE_OK) {
    return Fail(Fault::kUnavailable, "no answer from " + url + ": " + curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return Fail(Fault::kUnavailable, url + " answered with HTTP status " + std::to_string(status));
  }
  return answer;
}

}  // namespace nunc
