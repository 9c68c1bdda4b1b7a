// Text from a server, made safe and unmistakable for a terminal or a script.
//
// Errors:  none; bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace nunc {

// A double-quoted literal: `\n`, `\r`, `\t`, `\0`, `\"`, `\\`, and `\u{..}` for what cannot be
// seen.
std::string QuoteText(std::string_view text);
// No quotes and only the `\u{..}` part: what cannot be seen, a tab excepted.
std::string HideControls(std::string_view text);

}  // namespace nunc
