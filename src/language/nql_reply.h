// Writes replies and changes as NQL text: the exact bytes that existing clients expect.
//
// Shape:   appends to a string. A message is one line with its line feed, so that over WebSocket
//          each can be a message of its own.
// Source:  docs/reference-server.md §1.1, §2, §8.
#pragma once

#include <string>
#include <string_view>

#include "core/output.h"

namespace nunc {

// A data reply as one message.
void AppendData(std::string& out, const Reply& reply, const Output& output);

// The text of an error without `error ` before it, as HTTP shows it.
void AppendErrorText(std::string& out, const Reply& reply, const Output& output);

// Some errors are told twice to connections, once bare and once as the status: existing clients
// look for either. Empty when there is none.
std::string_view ErrorEcho(const Reply& reply);

// `ok \n` or `error T \n`.
void AppendStatus(std::string& out, const Reply& reply, const Output& output);

// A set key is told in two messages, `changed K V` and `changed-version K N V`.
void AppendChanged(std::string& out, const Change& change);
void AppendChangedVersion(std::string& out, const Change& change);
// `removed K`, and for arbiters `resolve ...`.
void AppendRemoved(std::string& out, const Change& change);
void AppendConflict(std::string& out, const Change& change);
// `started PATTERN WHAT` and `ready PATTERN TOKEN`.
void AppendStarted(std::string& out, const Change& change);
void AppendReady(std::string& out, const Change& change);
void AppendGap(std::string& out, const Change& change);

}  // namespace nunc
