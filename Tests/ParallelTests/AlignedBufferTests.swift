import Parallel
import Testing

@Suite(.timeLimit(.minutes(30))) struct AlignedBufferTests {
  @Test(arguments: [0, 1, 4095, 4096, 1 << 20]) func isAlignedAndOfTheSizeAskedFor(byteCount: Int) throws {
    let buffer = try AlignedBuffer(byteCount: byteCount)
    #expect(buffer.bytes.count == byteCount)
    let address = try #require(buffer.bytes.baseAddress)
    #expect(Int(bitPattern: address) % AlignedBuffer.alignment == 0)
    if byteCount > 0 {
      buffer.bytes[0] = 1
      buffer.bytes[byteCount - 1] = 2
      #expect(buffer.bytes[byteCount - 1] == 2)
    }
  }

  /// More than any machine has is an error, not a crash.
  @Test func tooMuchMemoryIsAnError() {
    let error = #expect(throws: OutOfMemory.self) { try AlignedBuffer(byteCount: 1 << 60) }
    #expect(error?.byteCount == 1 << 60)
  }
}
