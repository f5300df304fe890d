import Foundation
import HDF5
import TestSupport
import Testing

@testable import ChunkCodec

/// What is believed of a frame of C-Blosc2 before the library gets to see it; it needs no library.
@Suite(.timeLimit(.minutes(30))) struct Blosc2FrameTests {
  /// A chunk of [9, 2, 3, 3] numbers of four bytes as it lies in the file, without its checksum.
  private func chunk(_ group: String, _ origin: [Int]) throws -> [UInt8] {
    let file = try File(reading: Repository.fixture("blosc2/blosc2.h5"))
    let dataset = try file.root.group(group).dataset("activations")
    var bytes = [UInt8](repeating: 0, count: try dataset.chunkStorageSize(at: origin))
    #expect(try bytes.withUnsafeMutableBytes { try dataset.readChunk(at: origin, into: $0) } == 0)
    return bytes
  }

  private func frame(_ bytes: [UInt8]) -> Blosc2Frame? { bytes.withUnsafeBytes { Blosc2Frame($0) } }

  /// Chunks that shrink, of zeros, and of other numbers; 9 · 2 · 3 · 3 · 4 bytes, whatever the blocks are filled up to.
  @Test(arguments: CompressionTests.blosc2.map(\.group), [0, 9, 18, 27])
  func whatTheFilterWritesIsTaken(group: String, row: Int) throws {
    let bytes = try chunk(group, [row, 0, 0, 0])
    let frame = try #require(self.frame(bytes))
    #expect(frame.byteCount == 648)
    #expect(frame.hasAxes)
  }

  /// A frame that says of its data only how many bytes there are: it has no axes, and is as long as its chunk.
  @Test func framesWithoutAxesAreTaken() throws {
    var bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    // How many descriptions (metalayers) the frame has.
    #expect(bytes[0x5B..<0x5E].elementsEqual([0xDE, 0, 1]))
    bytes[0x5D] = 0
    let frame = try #require(self.frame(bytes))
    #expect(frame.byteCount == 648)
    #expect(!frame.hasAxes)
  }

  /// Every length at which it may be cut off before its trailer.
  @Test func whatIsCutOffIsRefused() throws {
    let bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    for count in 0..<bytes.count { #expect(frame(Array(bytes[..<count])) == nil, "\(count) bytes") }
  }

  /// Places of a frame with a number that it may not have.
  @Test(arguments: [
    // Neither a frame, nor a frame of files.
    (0x2, UInt8(0x42)), (0x1A, 1),
    // Codecs and filters of others: in the head, and below in the chunk.
    (0x1B, 0x5F), (0x47, 32), (0x4C, 5), (0x4D, 6), (0x4D, 35),
    // More than one metalayer, or one that is not known; an array of no axes, or of more than there are numbers for.
    (0x5D, 2), (0x5F, 0x63),
  ])
  func whatTheFilterDoesNotWriteIsRefused(place: Int, value: UInt8) throws {
    var bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    bytes[place] = value
    #expect(frame(bytes) == nil)
  }

  /// The same of the chunk, whose head begins where the frame's ends.
  @Test(arguments: [
    (2, UInt8(0xC5)), (2, 0xE5), (2, 0x21), (4, 0), (9, 0xFF), (12, 31), (16, 5), (21, 160), (22, 32),
    (31, 8),
  ])
  func chunksOfOthersAreRefused(place: Int, value: UInt8) throws {
    var bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    let head = Int(bytes[0xD]) << 8 | Int(bytes[0xE])
    #expect(bytes[head + 12] != 31)
    bytes[head + place] = value
    #expect(frame(bytes) == nil)
  }

  /// The array that the frame describes: its shape, its chunk, its blocks, each along four axes.
  @Test func numbersOfTheArrayFitEachOther() throws {
    let bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    let metalayer = bytes[0x64..<0x68].reduce(0) { $0 << 8 | Int($1) }
    let (shape, chunk, block) = (metalayer + 9, metalayer + 46, metalayer + 67)
    #expect(bytes[shape..<shape + 9].elementsEqual([0xD3, 0, 0, 0, 0, 0, 0, 0, 9]))
    #expect(bytes[chunk..<chunk + 5].elementsEqual([0xD2, 0, 0, 0, 9]))
    #expect(bytes[block] == 0xD2)
    for axis in 0..<4 {
      let places = [(shape + 9 * axis, 9), (chunk + 5 * axis, 5), (block + 5 * axis, 5)]
      for (place, width) in places {
        for value in [UInt8(0), 10, 127] {
          var changed = bytes
          changed[place + width - 1] = value
          #expect(frame(changed) == nil, "axis \(axis), \(value) at \(place)")
        }
      }
      // Of the same shape, chunk and all, but far more elements than the frame has bytes for.
      var larger = bytes
      larger[places[0].0 + 5] = 1
      larger[places[1].0 + 1] = 1
      #expect(frame(larger) == nil)
    }
  }

  /// Blocks of five rows do not divide nine: the frame has the bytes of ten, and the chunk those of nine. Of eight, or eleven, it is none.
  @Test(arguments: [(10, true), (9, false), (8, false), (11, false), (12, false)])
  func blocksAreFilledUp(rows: Int, isTaken: Bool) throws {
    var bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    let metalayer = bytes[0x64..<0x68].reduce(0) { $0 << 8 | Int($1) }
    bytes[metalayer + 67 + 4] = 5
    let count = UInt32(rows * 2 * 3 * 3 * 4)
    let head = Int(bytes[0xD]) << 8 | Int(bytes[0xE])
    // In the frame's head twice, with the most significant byte first, and in the chunk's with the least.
    let big = withUnsafeBytes(of: count.bigEndian) { Array($0) }
    for place in [0x1E + 4, 0x3A] { bytes.replaceSubrange(place..<place + 4, with: big) }
    bytes.replaceSubrange(head + 4..<head + 8, with: big.reversed())
    let frame = self.frame(bytes)
    #expect(isTaken ? frame?.byteCount == 648 && frame?.hasAxes == true : frame == nil)
  }

  /// Lengths that only together are too large for 64 bits.
  @Test func productsThatOverflowAreRefused() throws {
    var bytes = try chunk("lz4_shuffle", [18, 0, 0, 0])
    let metalayer = bytes[0x64..<0x68].reduce(0) { $0 << 8 | Int($1) }
    for axis in 0..<4 {
      for place in [
        metalayer + 9 + 9 * axis + 5, metalayer + 46 + 5 * axis + 1, metalayer + 67 + 5 * axis + 1,
      ] {
        bytes.replaceSubrange(place..<place + 4, with: [0x7F, 0xFF, 0xFF, 0xFF])
      }
    }
    #expect(frame(bytes) == nil)
  }

  /// The index of a frame whose chunk is stored points to it; of one that is not stored it says what the elements are.
  @Test func theIndexPointsToTheChunk() throws {
    for (row, stored) in [(18, true), (9, false)] {
      let bytes = try chunk("lz4_shuffle", [row, 0, 0, 0])
      let head = Int(bytes[0xD]) << 8 | Int(bytes[0xE])
      let count = bytes[0x27..<0x2F].reduce(0) { $0 << 8 | Int($1) }
      #expect((count > 0) == stored)
      let place = head + count + 32
      #expect(bytes[place..<place + 8].elementsEqual([0, 0, 0, 0, 0, 0, 0, stored ? 0 : 0x81]))
      var other = bytes
      other[place + (stored ? 0 : 7)] = stored ? 1 : 0x01
      #expect(frame(other) == nil)
    }
  }
}
