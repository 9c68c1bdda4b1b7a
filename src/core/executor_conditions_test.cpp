#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/command_fixture.h"
#include "core/edit_fixture.h"
#include "core/executor_fixture.h"

namespace nunc {
namespace {

class ExecutorConditionsTest : public ExecutorTest {
 protected:
  ExecutorConditionsTest() {
    MakeDatabase("db");
    client_ = Join();
  }

  // Of the key as it is now; it must be there.
  EntryTag TagOf(std::string_view key) {
    EXPECT_EQ(Run(client_, ask::GetSafe(key)), kFine);
    const auto* reply = std::get_if<Reply>(&output_.items.front());
    return {reply->number, reply->revision};
  }
  Status RunIf(Command command, const std::vector<EntryTag>& tags) {
    command.if_tags = tags;
    return Run(client_, command);
  }
  Status RunIfNot(Command command, const std::vector<EntryTag>& tags) {
    command.if_not_tags = tags;
    return Run(client_, command);
  }
  static Command Editing(std::string_view key, ValueEdit& edit) {
    Command command = ask::Put(key, "");
    command.edit = &edit;
    return command;
  }

  SessionId client_{};
};

TEST_F(ExecutorConditionsTest, AVersionThatCameBackAfterARemovalIsNotTheSameState) {
  EXPECT_EQ(Run(client_, ask::Set("k", "a")), kFine);
  const EntryTag first = TagOf("k");
  EXPECT_EQ(Run(client_, ask::Remove("k")), kFine);
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {first}), ErrorCode::kKeyAbsent);
  EXPECT_EQ(Run(client_, ask::Set("k", "a")), kFine);
  const EntryTag second = TagOf("k");
  EXPECT_EQ(first.version, second.version);
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {first}), ErrorCode::kVersionDiffers);
  EXPECT_EQ(std::get<Reply>(output_.items.front()).revision, second.revision);
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {first, second}), kFine);
  EXPECT_EQ(RunIf(ask::Put("k", "c"), {second}), ErrorCode::kVersionDiffers);
}

TEST_F(ExecutorConditionsTest, ATagHoldsWithBothItsParts) {
  EXPECT_EQ(Run(client_, ask::Set("k", "a")), kFine);
  const EntryTag tag = TagOf("k");
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {{tag.version + 1, tag.revision}}),
            ErrorCode::kVersionDiffers);
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {{tag.version, {tag.revision.value + 1}}}),
            ErrorCode::kVersionDiffers);
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {}), ErrorCode::kVersionDiffers);
  EXPECT_EQ(RunIf(ask::Put("k", "b"), {tag}), kFine);
}

TEST_F(ExecutorConditionsTest, AWriteMayNameTheStatesItIsNotFor) {
  EXPECT_EQ(RunIfNot(ask::Put("k", "a"), {{0, {1}}}), kFine);
  const EntryTag tag = TagOf("k");
  EXPECT_EQ(RunIfNot(ask::Put("k", "b"), {tag}), ErrorCode::kVersionDiffers);
  EXPECT_EQ(RunIfNot(ask::Put("k", "b"), {{tag.version, {tag.revision.value + 1}}}), kFine);
}

TEST_F(ExecutorConditionsTest, RemovingMayNeedTheKeyOrAStateOfIt) {
  Command remove = ask::Remove("k");
  remove.if_present = true;
  EXPECT_EQ(Run(client_, remove), ErrorCode::kKeyAbsent);
  EXPECT_TRUE(output_.records.empty());
  EXPECT_EQ(Run(client_, ask::Set("k", "a")), kFine);
  const EntryTag tag = TagOf("k");
  EXPECT_EQ(Run(client_, ask::Set("k", "b")), kFine);
  EXPECT_EQ(RunIf(remove, {tag}), ErrorCode::kVersionDiffers);
  EXPECT_EQ(RunIf(remove, {TagOf("k")}), kFine);
  EXPECT_EQ(Ask(client_, ask::Get("k")), "no value");
}

TEST_F(ExecutorConditionsTest, AnEditMakesTheNewValueOfTheOneThatIsThere) {
  Appending edit("+");
  EXPECT_EQ(Run(client_, Editing("k", edit)), ErrorCode::kKeyAbsent);
  EXPECT_EQ(Run(client_, ask::Set("k", "a")), kFine);
  EXPECT_EQ(Ask(client_, Editing("k", edit)), "put 1");
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 1 a+");
  Command stale = Editing("k", edit);
  stale.if_version = 0;
  EXPECT_EQ(Run(client_, stale), ErrorCode::kVersionDiffers);
  EXPECT_EQ(Run(client_, ask::Set("k", "a!")), kFine);
  EXPECT_EQ(Run(client_, Editing("k", edit)), ErrorCode::kNotEditable);
  EXPECT_EQ(Ask(client_, ask::GetSafe("k")), "value-version 2 a!");
}

TEST_F(ExecutorConditionsTest, WhatAnEditMakesHasTheLimitOfValues) {
  EXPECT_EQ(Run(client_, ask::Set("k", "a")), kFine);
  Appending fits(std::string(kValueBytesMax - 1, 'b'));
  EXPECT_EQ(Run(client_, Editing("k", fits)), kFine);
  Appending more("c");
  EXPECT_EQ(Run(client_, Editing("k", more)), ErrorCode::kValueTooLong);
  EXPECT_EQ(error_number_, static_cast<std::int64_t>(kValueBytesMax));
}

TEST_F(ExecutorConditionsTest, WhoMayNotReadAKeyMayNotEditIt) {
  const SessionId admin = JoinAdmin();
  EXPECT_EQ(Run(admin, ask::Set("k", "a")), kFine);
  EXPECT_EQ(Run(admin, ask::SetPermissions("all", "w k")), kFine);
  Appending edit("+");
  EXPECT_EQ(Run(client_, Editing("k", edit)), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Run(client_, ask::Put("k", "b")), kFine);
  EXPECT_EQ(Run(admin, ask::SetPermissions("all", "rw k")), kFine);
  EXPECT_EQ(Run(client_, Editing("k", edit)), kFine);
}

}  // namespace
}  // namespace nunc
