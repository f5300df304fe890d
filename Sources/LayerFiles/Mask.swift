import HDF5

/// The dataset that says which values count in the statistics. Like the activations, it may lie in several files.
public struct MaskDataset: Sendable {
  /// Where it is, or the first of them.
  let place: DatasetPlace
  /// What its entries are.
  let type: NumericType
  /// Its shape.
  let shape: [Int]
  /// Which entry belongs to which position of which sample.
  let spread: MaskSpread
  /// Samples of which it says something.
  let sampleCount: Int
  /// What each file has of it, in the samples' order; empty where it lies in one.
  private(set) var parts: [MaskDataset] = []

  init(place: DatasetPlace, type: NumericType, shape: [Int], spread: MaskSpread, sampleCount: Int) {
    (self.place, self.type, self.shape) = (place, type, shape)
    (self.spread, self.sampleCount) = (spread, sampleCount)
  }

  /// The same with the masks of other files after its own.
  func followed(by others: [MaskDataset]) -> MaskDataset {
    guard !others.isEmpty else { return self }
    var whole = self
    whole.parts = [self] + others
    return whole
  }
}

/// How the entries of a mask are spread over the samples and positions of a layer.
///
/// A mask marks positions, whatever the feature. So it has one of the shapes
///
///     [N]      [N, P·S]      [N, …] without the features' axis      [N, …] with 1 in place of the features
///
/// and, as NumPy broadcasts, 1 in place of any of these numbers where all along an axis share an entry.
struct MaskSpread: Sendable, Equatable {
  /// An axis of the positions of a sample.
  struct Axis: Sendable, Equatable {
    let length: Int
    /// How far apart two neighbours' entries are; 0 where all share one.
    let step: Int
  }

  /// True if all samples share a row of entries.
  let sharesRow: Bool
  /// Entries of a row, one for each sample unless they share it.
  let entriesPerRow: Int
  /// Axes of the positions, outermost first; none of length 1.
  let axes: [Axis]

  /// - Parameters:
  ///   - shape: the mask's.
  ///   - tensor: [N, …], the activations' shape.
  ///   - featureAxis: from 1.
  /// - Returns: nil if a mask of this shape says nothing of such activations.
  init?(shape: [Int], tensor: [Int], featureAxis: Int) {
    guard
      let full = Self.shapes(tensor: tensor, featureAxis: featureAxis).first(where: { full in
        full.count == shape.count && zip(shape, full).allSatisfy { $0 == $1 || $0 == 1 }
      })
    else { return nil }
    sharesRow = shape[0] != full[0]
    entriesPerRow = shape.dropFirst().reduce(1, *)
    guard full.count > 1 else {
      let positions = tensor.dropFirst().reduce(1, *) / tensor[featureAxis]
      axes = [Axis(length: positions, step: 0)]
      return
    }
    var step = entriesPerRow
    var axes: [Axis] = []
    for (own, length) in zip(shape, full).dropFirst() {
      step /= own
      if length > 1 { axes.append(Axis(length: length, step: own == 1 ? 0 : step)) }
    }
    self.axes = axes
  }

  /// The shapes that a mask may have, each number of which may be 1 instead.
  static func shapes(tensor: [Int], featureAxis: Int) -> [[Int]] {
    var without = tensor
    without.remove(at: featureAxis)
    var with = tensor
    with[featureAxis] = 1
    var shapes: [[Int]] = []
    for shape in [[tensor[0]], [tensor[0], without.dropFirst().reduce(1, *)], without, with]
    where !shapes.contains(shape) { shapes.append(shape) }
    return shapes
  }

  /// Writes the entry of each position of a sample.
  /// - Parameters:
  ///   - row: [entriesPerRow]
  ///   - target: [P·S]
  func write(_ row: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>) {
    var target = target
    write(axes[...], row, &target)
  }

  private func write(
    _ axes: ArraySlice<Axis>, _ row: UnsafePointer<UInt8>, _ target: inout UnsafeMutablePointer<UInt8>
  ) {
    guard let axis = axes.first else {
      target.pointee = row.pointee
      target += 1
      return
    }
    if axes.count > 1 {
      for index in 0..<axis.length { write(axes.dropFirst(), row + index * axis.step, &target) }
      return
    }
    if axis.step == 0 {
      target.update(repeating: row.pointee, count: axis.length)
    } else {
      for index in 0..<axis.length { target[index] = row[index * axis.step] }
    }
    target += axis.length
  }
}

/// Reads masks: one byte for each (sample, p, s), 0 where a value counts in no statistic.
package struct MaskReader: Sendable {
  /// P·S, bytes for each sample.
  private let positions: Int
  private let samples: JoinedSamples
  private let readers: RecentlyUsed<MaskPartReader>

  /// - Parameter positions: P·S.
  package init(_ mask: MaskDataset, positions: Int) throws(StreamError) {
    let parts = mask.parts.isEmpty ? [mask] : mask.parts
    self.positions = positions
    samples = JoinedSamples(counts: parts.map(\.sampleCount))
    readers = RecentlyUsed(limit: 2) { try MaskPartReader(parts[$0], positions: positions) }
  }

  /// - Parameter target: [samples, positions]
  /// - Throws: `StreamError.libraryReadFailed`, `.maskNotANumber`.
  package func read(samples range: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws {
    for part in samples.parts(of: range) {
      let places = part.places.lowerBound * positions..<part.places.upperBound * positions
      try readers.value(part.file).read(
        samples: part.samples, into: UnsafeMutableBufferPointer(rebasing: target[places]))
    }
  }
}

/// Reads what one file has of a mask.
private struct MaskPartReader: Sendable {
  private let dataset: Dataset
  private let mask: MaskDataset
  /// P·S, bytes for each sample.
  private let positions: Int
  /// An entry that was never written, in native byte order.
  private let fillValue: [UInt8]

  /// Rows are read some at a time, of about this many bytes, or one by one.
  private static let bytesAtOnce = 1 << 18

  init(_ mask: MaskDataset, positions: Int) throws(StreamError) {
    dataset = try mask.place.open()
    do {
      fillValue = try dataset.fillValue(as: .native(mask.type.kind))
    } catch {
      throw .libraryReadFailed(path: mask.place.filePath, error)
    }
    self.mask = mask
    self.positions = positions
  }

  /// - Parameter target: [samples, positions]
  func read(samples: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws {
    guard let target = target.baseAddress else { return }
    let (spread, entries) = (mask.spread, mask.spread.entriesPerRow)
    let shared = spread.sharesRow && !samples.isEmpty ? try rows(0..<1) : []
    for some in samples.divided(by: max(1, Self.bytesAtOnce / max(1, entries * mask.type.byteCount))) {
      let rows = spread.sharesRow ? shared : try rows(some)
      rows.withUnsafeBufferPointer { rows in
        guard let first = rows.baseAddress else { return }
        for sample in some {
          spread.write(
            first + (spread.sharesRow ? 0 : (sample - some.lowerBound) * entries),
            to: target + (sample - samples.lowerBound) * positions)
        }
      }
    }
  }

  /// Whether each entry of some rows lets values count: 1 or 0. Entries are read as they are, for a conversion to another type may
  /// make 0 of what is none.
  private func rows(_ rows: Range<Int>) throws -> [UInt8] {
    let count = rows.count * mask.spread.entriesPerRow
    let type = NumericType.native(mask.type.kind)
    let stored = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, count * type.byteCount), alignment: 8)
    defer { stored.deallocate() }
    // The library leaves a place as it is where nothing was written and the file forbids to fill.
    stored.fill(with: fillValue)
    do {
      try dataset.read(
        leading: rows, as: type,
        into: UnsafeMutableRawBufferPointer(rebasing: stored[..<(count * type.byteCount)]))
    } catch {
      throw StreamError.libraryReadFailed(path: mask.place.filePath, error)
    }
    // For floats, the bits without the sign: 0 for both zeros, and above those of infinity for NaN.
    let (counts, notANumber) =
      switch type.kind {
      case .float16: Self.entries(UInt16.self, stored, count, infinity: 0x7C00)
      case .bfloat16: Self.entries(UInt16.self, stored, count, infinity: 0x7F80)
      case .float32: Self.entries(UInt32.self, stored, count, infinity: 0x7F80_0000)
      case .float64: Self.entries(UInt64.self, stored, count, infinity: 0x7FF0_0000_0000_0000)
      case .int8, .uint8: Self.entries(UInt8.self, stored, count, infinity: nil)
      case .int16, .uint16: Self.entries(UInt16.self, stored, count, infinity: nil)
      case .int32, .uint32: Self.entries(UInt32.self, stored, count, infinity: nil)
      case .int64, .uint64: Self.entries(UInt64.self, stored, count, infinity: nil)
      }
    if let notANumber {
      throw StreamError.maskNotANumber(
        file: mask.place.filePath, dataset: mask.place.path,
        index: index(ofEntry: rows.lowerBound * mask.spread.entriesPerRow + notANumber))
    }
    return counts
  }

  /// - Parameter infinity: the bits of +∞; nil for integers.
  /// - Returns: 1 for each entry that is not 0, and the first entry that is NaN.
  private static func entries<Bits: FixedWidthInteger>(
    _: Bits.Type, _ stored: UnsafeMutableRawBufferPointer, _ count: Int, infinity: Bits?
  ) -> (counts: [UInt8], notANumber: Int?) {
    var notANumber: Int?
    let counts = [UInt8](unsafeUninitializedCapacity: count) { counts, initialized in
      for index in 0..<count {
        var bits = stored.load(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
        if let infinity {
          bits <<= 1
          if bits > infinity << 1, notANumber == nil { notANumber = index }
        }
        counts[index] = bits == 0 ? 0 : 1
      }
      initialized = count
    }
    return (counts, notANumber)
  }

  /// The index along every axis of the mask.
  private func index(ofEntry entry: Int) -> [Int] {
    var index: [Int] = []
    var rest = entry
    for length in mask.shape.reversed() {
      index.append(rest % length)
      rest /= length
    }
    return index.reversed()
  }
}
