// Answers a write that has come before, from what came of it then.
//
// Shape:   asked before the write is run, and for `exec` before its transaction is. False: run it;
//          its record bears the name.
// Errors:  as kError replies: what came of it is not known any more, the name is another write's,
//          or it is none.
// Owner:   Executor.
// Source:  docs/protocol.md (writes that are sent again).
#pragma once

#include "core/command.h"
#include "core/output.h"
#include "core/recorder.h"
#include "core/retries.h"
#include "core/session.h"
#include "core/transaction.h"

namespace nunc {

struct AskedWrite {
  const Session& session;  // has selected a database
  const Command& command;
  Revision newest{};                         // of all records
  const Transaction* transaction = nullptr;  // of exec; else null
};

bool AnswerRetry(const AskedWrite& asked, const Retries& retries, Recorder& recorder,
                 Output& output);

}  // namespace nunc
