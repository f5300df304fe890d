import BatchNorm
import HDF5
import Parallel

/// The samples of several files, one file's after the other's.
struct JoinedSamples: Sendable {
  /// The first sample of each file, and behind the last one the number of all.
  private let starts: [Int]

  /// - Parameter counts: the samples of each file; some may have none.
  init(counts: [Int]) { starts = counts.reduce(into: [0]) { $0.append($0.last! + $1) } }

  /// What of a range of samples lies in one file.
  struct Part: Equatable {
    let file: Int
    /// Counted in the file.
    let samples: Range<Int>
    /// Counted from the beginning of the range.
    let places: Range<Int>
  }

  /// The parts of a range, in order.
  func parts(of samples: Range<Int>) -> [Part] {
    var parts: [Part] = []
    // The last one that begins there: those before it have no samples.
    var file = starts.lastIndex(atOrBelow: samples.lowerBound)
    while file < starts.count - 1, starts[file] < samples.upperBound {
      let own = samples.clamped(to: starts[file]..<starts[file + 1])
      if !own.isEmpty {
        parts.append(
          Part(
            file: file, samples: own.lowerBound - starts[file]..<own.upperBound - starts[file],
            places: own.lowerBound - samples.lowerBound..<own.upperBound - samples.lowerBound))
      }
      file += 1
    }
    return parts
  }
}

/// Things of which there are many and few are used at a time, as the readers of many files: those used last are kept.
final class RecentlyUsed<Value: Sendable>: Sendable {
  private let kept = Guarded<[(index: Int, value: Value)]>([])
  private let limit: Int
  private let make: @Sendable (Int) throws -> Value

  init(limit: Int, _ make: @escaping @Sendable (Int) throws -> Value) {
    self.limit = limit
    self.make = make
  }

  /// The thing with a number, made unless it is there.
  func value(_ index: Int) throws -> Value {
    try kept.withLock { kept in
      if let place = kept.firstIndex(where: { $0.index == index }) {
        let entry = kept.remove(at: place)
        kept.append(entry)
        return entry.value
      }
      let value = try make(index)
      if kept.count == limit { kept.removeFirst() }
      kept.append((index, value))
      return value
    }
  }
}

/// A dataset that lies in several files.
///
/// Two files' readers are kept, since threads that work side by side are in one file or in two; what another thread is still reading
/// with lives until it is done. Decompression so takes at most three times what one file's takes: that of the two, and of
/// each thread what it has in hand.
final class JoinedReader: TensorReader {
  /// What one file's reader may have of the memory is divided by this.
  static let share = 3

  let type: NumericType
  let suitsStretches: Bool
  private let samples: JoinedSamples
  private let readers: RecentlyUsed<any TensorReader>

  /// - Parameters:
  ///   - parts: what each file has.
  ///   - type: the type that numbers are delivered in, whatever byte order each file has.
  ///   - makeReader: of a part.
  init(
    _ parts: [InputDataset], type: NumericType,
    _ makeReader: @escaping @Sendable (InputDataset) throws -> any TensorReader
  ) {
    self.type = type
    samples = JoinedSamples(counts: parts.map { $0.shape[0] })
    suitsStretches = parts.allSatisfy {
      if case .contiguous = $0.storage { !$0.format.isConverted } else { false }
    }
    readers = RecentlyUsed(limit: Self.share - 1) { try makeReader(parts[$0]) }
  }

  func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws {
    guard !part.samples.isEmpty else { return }
    let sampleByteCount = buffer.count / part.samples.count
    for own in samples.parts(of: part.samples) {
      let reader = try readers.value(own.file)
      let target = UnsafeMutableRawBufferPointer(
        rebasing: buffer[own.places.lowerBound * sampleByteCount..<own.places.upperBound * sampleByteCount])
      try reader.read(TensorPart(samples: own.samples, features: part.features), into: target, clock: clock)
      if reader.type != type { target.swapBytes(ofNumbers: type.byteCount) }
    }
  }
}
