#include "transport/out_queue.h"

#include <array>
#include <fcntl.h>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include <gtest/gtest.h>

namespace nunc {
namespace {

// Two ends of a connection that takes only a little at a time.
class OutQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    ours_ = Socket(ends[0]);
    theirs_ = Socket(ends[1]);
    const int small = 4096;
    setsockopt(ours_.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
  }

  std::string ReadAll() {
    std::string all;
    std::array<char, 4096> piece{};
    for (Transfer got = ReceiveBytes(theirs_, piece); got.bytes > 0;
         got = ReceiveBytes(theirs_, piece)) {
      all.append(piece.data(), got.bytes);
    }
    return all;
  }

  // Flushes and reads until nothing is left.
  std::string SendThrough() {
    std::string received;
    while (!queue_.empty()) {
      EXPECT_FALSE(queue_.Flush(ours_).ended);
      received += ReadAll();
    }
    return received + ReadAll();
  }

  Socket ours_;
  Socket theirs_;
  BufferPool pool_;
  OutQueue queue_{pool_};
};

const auto kAlive = std::make_shared<std::size_t>(0);

// A long one, with a chunk of its own.
SharedFrame MakeFrame(std::size_t size, char fill) {
  return {.chunk = new FrameChunk(kAlive, std::string(size, fill)), .at = 0, .size = size};
}

SharedFrame MakeShort(const FrameChunkPtr& chunk, std::string_view text) {
  return {.chunk = chunk, .at = chunk->Append(text), .size = text.size()};
}

TEST_F(OutQueueTest, OwnBytesAndSharedFramesLeaveInTheOrderTheyCame) {
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string own = "own " + std::to_string(i) + "\n";
    const SharedFrame frame =
        MakeFrame(static_cast<std::size_t>(i) * 37 + 1, static_cast<char>('a' + i % 26));
    queue_.Bytes() += own;
    queue_.Share(frame);
    expected += own;
    expected += frame.bytes();
    EXPECT_EQ(queue_.size(), expected.size());
  }
  EXPECT_EQ(SendThrough(), expected);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(OutQueueTest, MoreFramesThanOneWriteTakesAllArrive) {
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const SharedFrame frame = MakeFrame(2000, static_cast<char>('A' + i % 26));
    queue_.Share(frame);
    expected += frame.bytes();
  }
  EXPECT_EQ(SendThrough(), expected);
}

TEST_F(OutQueueTest, WhatComesWhileSomeIsUnsentGoesBehindIt) {
  const SharedFrame frame = MakeFrame(200'000, 'x');
  queue_.Share(frame);
  EXPECT_TRUE(queue_.Flush(ours_).would_block);
  EXPECT_LT(queue_.size(), frame.size);
  queue_.Bytes() += "behind";
  EXPECT_EQ(SendThrough().substr(0, 3), "xxx");
  queue_.Bytes() += "again";
  EXPECT_EQ(SendThrough(), "again");
}

// A reader that is a little slower than what comes for it: the queue is never empty.
TEST_F(OutQueueTest, WhatIsSentIsGivenBackAlsoWhenTheQueueNeverEmpties) {
  std::array<char, 8192> piece{};
  queue_.Bytes().append(100'000, 'x');
  for (int i = 0; i < 5'000; ++i) {
    queue_.Flush(ours_);
    const Transfer got = ReceiveBytes(theirs_, piece);
    ASSERT_GT(got.bytes, 0U);
    if (got.bytes > 2000) {
      queue_.Share(MakeFrame(2000, 'z'));
    }
    queue_.Bytes().append(got.bytes > 2000 ? got.bytes - 2000 : got.bytes, 'y');
    ASSERT_FALSE(queue_.empty());
  }
  EXPECT_LT(queue_.Bytes().capacity(), 4U << 20U);
}

TEST_F(OutQueueTest, ALongFrameIsSharedAndFreedOnceItIsSent) {
  const SharedFrame frame = MakeFrame(5000, 'x');
  queue_.Share(frame);
  EXPECT_EQ(frame.chunk->use_count(), 2);
  SendThrough();
  EXPECT_EQ(frame.chunk->use_count(), 1);
}

TEST_F(OutQueueTest, ShortFramesBehindEachOtherAreSharedAndNotCopied) {
  const FrameChunkPtr chunk = new FrameChunk(kAlive);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string text = "frame " + std::to_string(i) + "\n";
    queue_.Share(MakeShort(chunk, text));
    expected += text;
    EXPECT_EQ(queue_.size(), expected.size());
  }
  EXPECT_EQ(queue_.own_size(), 0U);
  EXPECT_EQ(chunk->use_count(), 2U);
  EXPECT_EQ(SendThrough(), expected);
  EXPECT_EQ(chunk->use_count(), 1U);
}

TEST_F(OutQueueTest, AShortFrameAmongOthersIsCopied) {
  const FrameChunkPtr chunk = new FrameChunk(kAlive);
  queue_.Share(MakeShort(chunk, "first "));
  MakeShort(chunk, "another's ");
  queue_.Share(MakeShort(chunk, "second "));
  EXPECT_EQ(queue_.own_size(), std::string_view("second ").size());
  queue_.Bytes() += "own ";
  queue_.Share(MakeShort(chunk, "third"));
  EXPECT_EQ(SendThrough(), "first second own third");
}

TEST_F(OutQueueTest, ChunksThatFollowEachOtherAreBothShared) {
  const FrameChunkPtr one = new FrameChunk(kAlive);
  const FrameChunkPtr two = new FrameChunk(kAlive);
  queue_.Share(MakeShort(one, "a"));
  queue_.Share(MakeShort(two, "b"));
  queue_.Share(MakeShort(two, "c"));
  EXPECT_EQ(queue_.own_size(), 0U);
  EXPECT_EQ(SendThrough(), "abc");
}

// Whatever the order of what is queued, and wherever the socket stops taking it.
TEST_F(OutQueueTest, ASlowReaderKeepsNoCommonChunk) {
  std::string expected;
  const FrameChunkPtr common = new FrameChunk(kAlive);
  const SharedFrame own_chunk = MakeFrame(3000, 'l');
  for (int i = 0; i < 40; ++i) {
    queue_.Bytes() += "own " + std::to_string(i);
    queue_.Share(own_chunk);
    const FrameChunkPtr chunk = i % 2 == 0 ? common : FrameChunkPtr(new FrameChunk(kAlive));
    const SharedFrame frame = MakeShort(chunk, std::string(200, static_cast<char>('a' + i % 26)));
    queue_.Share(frame);
    expected += "own " + std::to_string(i);
    expected += own_chunk.bytes();
    expected += frame.bytes();
  }
  ASSERT_TRUE(queue_.Flush(ours_).would_block);
  EXPECT_EQ(common->use_count(), 1U);
  EXPECT_GT(own_chunk.chunk->use_count(), 1U);
  EXPECT_EQ(SendThrough(), expected);
}

TEST_F(OutQueueTest, WhatTheSocketDidNotTakeOfARangeFollows) {
  const FrameChunkPtr chunk = new FrameChunk(kAlive);
  std::string expected;
  for (int i = 0; i < 60; ++i) {
    const SharedFrame frame = MakeShort(chunk, std::string(1000, static_cast<char>('a' + i % 26)));
    queue_.Share(frame);
    expected += frame.bytes();
  }
  ASSERT_TRUE(queue_.Flush(ours_).would_block);
  EXPECT_EQ(chunk->use_count(), 1U);
  const SharedFrame behind = MakeShort(chunk, "behind");
  queue_.Share(behind);
  EXPECT_EQ(SendThrough(), expected + "behind");
}

TEST_F(OutQueueTest, APeerThatIsGoneEndsTheFlush) {
  theirs_.Close();
  queue_.Bytes() += "nobody hears";
  EXPECT_TRUE(queue_.Flush(ours_).ended);
}

TEST(BufferPool, ABufferComesBackEmptyAndAHugeOneDoesNot) {
  BufferPool pool;
  std::string buffer(1000, 'x');
  const char* const memory = buffer.data();
  pool.Give(std::move(buffer));
  const std::string back = pool.Take();
  EXPECT_TRUE(back.empty());
  EXPECT_EQ(back.data(), memory);
  for (int i = 0; i < 1000; ++i) {
    pool.Give({});  // takes nobody's place
  }
  pool.Give(std::string(1000, 'x'));
  EXPECT_GE(pool.Take().capacity(), 1000U);
  pool.Give(std::string(1 << 20, 'x'));
  EXPECT_LT(pool.Take().capacity(), 1000U);
}

}  // namespace
}  // namespace nunc
