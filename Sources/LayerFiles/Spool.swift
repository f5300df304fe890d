import Parallel

/// Copies of what an unfinished job has written, one behind the other, in a file that only grows.
///
/// Where the library decides what lies where, as it does with chunks, a later run cannot go on in the file that was interrupted: only
/// memory knew of half of it. It makes the file again, and writes everything from here.
package final class Spool: Sendable {
  /// Where some bytes lie, and by what they are known.
  package struct Place: Hashable, Sendable {
    package var offset: Int64
    package var byteCount: Int
    package var checksum: Checksum

    package init(offset: Int64, byteCount: Int, checksum: Checksum) {
      self.offset = offset
      self.byteCount = byteCount
      self.checksum = checksum
    }
  }

  private let file: PositionalFile
  /// Where the next bytes go: behind whatever an earlier run left, whole or torn.
  private let end: Guarded<Int64>

  /// Opens the spool, which is made where it is missing.
  /// - Parameters:
  ///   - path: of the spool.
  ///   - output: of the output that it belongs to, as the user gave it, for messages.
  init(_ path: String, for output: String, beginsWriteback: Bool) throws(StreamError) {
    file = try PositionalFile(growing: path, for: output, beginsWriteback: beginsWriteback)
    end = Guarded(Int64(try file.status().size))
  }

  /// Opens the spool of another process, to read it.
  init(reading path: String) throws(StreamError) {
    file = try PositionalFile(reading: path)
    end = Guarded(0)
  }

  /// Keeps a copy of some bytes. Several threads do so at once.
  package func keep(_ bytes: UnsafeRawBufferPointer) throws(StreamError) -> Place {
    let offset = end.withLock { end in
      defer { end += Int64(bytes.count) }
      return end
    }
    try file.write(at: offset, from: bytes)
    return Place(offset: offset, byteCount: bytes.count, checksum: Checksum(of: bytes))
  }

  /// The bytes that were kept; nil if they are not there any more as they were.
  package func bytes(at place: Place) throws -> AlignedBuffer? {
    let end = Int64(try file.status().size)
    guard place.offset >= 0, place.byteCount >= 0, place.offset <= end,
      Int64(place.byteCount) <= end - place.offset
    else { return nil }
    let buffer = try AlignedBuffer(byteCount: place.byteCount)
    try file.read(at: place.offset, into: buffer.bytes, dataset: "spool")
    return Checksum(of: UnsafeRawBufferPointer(buffer.bytes)) == place.checksum ? buffer : nil
  }

  func synchronize() throws(StreamError) { try file.synchronize() }
}

/// A chunk of which the spool has a copy.
package struct SpooledChunk: Sendable {
  /// Its place among the chunks of its tensor.
  package var chunk: Int
  /// The samples that it holds.
  package var samples: Range<Int>
  /// True if the copy is these samples' values as they are, for other processes have samples of the chunk, too; false if it is the chunk as it
  /// is stored.
  package var isPlain: Bool
  package var place: Spool.Place

  package init(chunk: Int, samples: Range<Int>, isPlain: Bool, place: Spool.Place) {
    self.chunk = chunk
    self.samples = samples
    self.isPlain = isPlain
    self.place = place
  }
}
