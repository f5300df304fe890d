import CHDF5
import ChunkCodec
import Parallel

/// Lets the library decode only chunks that are known to decode to exactly their elements.
///
/// The library trusts every filter, and every index of chunks, about lengths: it would read beyond a chunk that decodes to less,
/// and give whatever lies there for data; and it would take all the memory that one claims. So each chunk is decoded here
/// before the library does it for the first time, into memory of the chunk's own size.
final class ChunkGuard: Sendable {
  private let chunks: ChunkLayout
  private let shape: [Int]
  private let check: ChunkCheck
  private let chunkByteCount: Int
  private let state = Guarded(State())

  private struct State {
    /// The numbers of chunks that were found to be whole, in the order of their first elements.
    var whole: Set<Int> = []
    let scratch = HandedOver(ChunkScratch())
  }

  /// More are forgotten, and looked at again.
  private static let mostKnown = 1 << 20

  /// - Parameters:
  ///   - chunks: have the rank of `shape`.
  ///   - elementSize: bytes of an element in the file.
  /// - Returns: nil where nobody here knows a filter, or the chunks are larger than memory.
  init?(_ chunks: ChunkLayout, shape: [Int], elementSize: Int) {
    guard let check = chunks.check(elementSize: elementSize),
      let chunkByteCount = Dataspace.product(chunks.shape + [elementSize])
    else { return nil }
    self.chunks = chunks
    self.shape = shape
    self.check = check
    self.chunkByteCount = chunkByteCount
  }

  /// Looks at the chunks that hold any of the elements at these indices of the axes.
  ///
  /// The corresponding C function is `H5Dread_chunk`.
  ///
  /// - Throws: if one does not decode to exactly its elements, or cannot be read.
  func checkChunks(
    of dataset: Dataset, holding ranges: [Range<Int>], to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    guard !ranges.contains(where: \.isEmpty), dataset.hasStoredChunks else { return }
    let first = zip(ranges, chunks.shape).map { $0.lowerBound / $1 * $1 }
    var origin = first
    while true {
      try checkChunk(of: dataset, at: origin, to: attempt())
      var axis = origin.count - 1
      while axis >= 0 {
        origin[axis] += chunks.shape[axis]
        if origin[axis] < ranges[axis].upperBound { break }
        origin[axis] = first[axis]
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  /// One at a time, and before the library decodes it: a chunk that it has decoded it would throw away in favour of what the file
  /// has, and count its memory wrongly.
  private func checkChunk(
    of dataset: Dataset, at origin: [Int], to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    let number = number(of: origin)
    let outcome: Result<Void, HDF5Error> = state.withLock { state in
      guard !state.whole.contains(number) else { return .success(()) }
      let outcome = Result { () throws(HDF5Error) in
        try look(at: origin, of: dataset, state.scratch.value, to: attempt())
      }
      if case .success = outcome {
        if state.whole.count >= Self.mostKnown { state.whole = [] }
        state.whole.insert(number)
      }
      return outcome
    }
    try outcome.get()
  }

  private func number(of origin: [Int]) -> Int {
    origin.indices.reduce(0) { number, axis in
      number &* ((shape[axis] + chunks.shape[axis] - 1) / chunks.shape[axis]) &+ origin[axis]
        / chunks.shape[axis]
    }
  }

  private func look(
    at origin: [Int], of dataset: Dataset, _ scratch: ChunkScratch, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    let size = try dataset.chunkStorageSize(at: origin)
    guard size > 0 else { return }
    try require(
      size <= ChunkCheck.largestStored(chunkByteCount: chunkByteCount), "H5Dread_chunk", to: attempt(),
      "its chunk at \(origin) has \(size) bytes in the file for \(chunkByteCount) bytes of elements")
    let raw = scratch.place(0, byteCount: size)
    guard let mask = try dataset.readChunk(at: origin, into: raw) else { return }
    do {
      try check.check(
        UnsafeRawBufferPointer(raw), mask: skipsFilters(at: origin) ? .max : mask, scratch: scratch)
    } catch {
      throw HDF5Error(
        function: "H5Dread_chunk", attempt: attempt(),
        reason: "its chunk at \(origin) does not decode to its \(chunkByteCount) bytes")
    }
  }

  /// Whether a chunk at the edge is stored as it is, which no mask tells.
  private func skipsFilters(at origin: [Int]) -> Bool {
    chunks.leavesPartialChunksUnfiltered
      && origin.indices.contains { origin[$0] + chunks.shape[$0] > shape[$0] }
  }
}
