#include "node/node.h"

namespace nunc {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

void Node::Step(const Input& input, Output& output) {
  output.Clear();
  std::visit(
      Overloaded{
          [&](const ClientCommand& in) { executor_.Execute(in.session, *in.command, output); },
          [&](const TurnStarted& in) {
            executor_.SetNow(in.now);
            executor_.SetQueryTime(in.query_time_ms_average);
          },
          [&](const TurnEnded&) { executor_.EndTurn(output); },
          [&](const Tick&) { executor_.DropOldTombstones(); },
          [&](const SessionOpened& in) { executor_.Open(in.session, in.kind); },
          [&](const SessionClosed& in) { executor_.Close(in.session); },
          [&](const SessionLagging& in) { executor_.MarkLagging(in.session); },
          [&](const SessionDrained& in) { executor_.Drain(in.session, output); },
      },
      input);
}

void Node::EnsureDatabase(std::string_view name, std::string_view token) {
  if (executor_.FindDatabase(name) == nullptr) {
    Output unheard;
    executor_.CreateDatabase(name, token, Strategy::kNone, unheard);
  }
}

}  // namespace nunc
