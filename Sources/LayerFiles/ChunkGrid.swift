/// The chunks that a dataset is divided into, and where their elements belong in a range of its samples.
struct ChunkGrid: Sendable {
  /// [N, …]
  let shape: [Int]
  /// The lengths of a chunk, one per axis. A chunk at the edge has its full size in the file, too.
  let chunk: [Int]
  let elementByteCount: Int

  /// Bytes of a whole chunk; nil if that is more than memory can address.
  var chunkByteCount: Int? {
    var product = elementByteCount
    for length in chunk {
      let (next, overflows) = product.multipliedReportingOverflow(by: length)
      if overflows { return nil }
      product = next
    }
    return product
  }

  /// Bytes of all chunks; nil if that is more than memory can address.
  var byteCount: Int? {
    guard var product = chunkByteCount else { return nil }
    for (length, chunk) in zip(shape, chunk) {
      let (next, overflows) = product.multipliedReportingOverflow(by: (length - 1) / chunk + 1)
      if overflows { return nil }
      product = next
    }
    return product
  }

  /// The part of a chunk that lies in the dataset and in a range of samples.
  struct Part {
    /// The chunk's first element, one index per axis.
    let origin: [Int]
    /// Samples of the dataset, as far as the chunk has them.
    let samples: Range<Int>
    /// The first sample of the range that is being read.
    let firstSample: Int
    /// True if no later sample lies in this chunk.
    let reachesEnd: Bool
  }

  /// The first elements of all chunks that hold some of the samples, in the order of the file's index.
  func origins(ofSamples samples: Range<Int>) -> [[Int]] {
    guard !samples.isEmpty else { return [] }
    var origins: [[Int]] = stride(
      from: samples.lowerBound / chunk[0] * chunk[0], to: samples.upperBound, by: chunk[0]
    ).map { [$0] }
    for axis in shape.indices.dropFirst() {
      origins = origins.flatMap { origin in
        stride(from: 0, to: shape[axis], by: chunk[axis]).map { origin + [$0] }
      }
    }
    return origins
  }

  func part(_ origin: [Int], samples: Range<Int>) -> Part {
    let end = min(origin[0] + chunk[0], shape[0])
    return Part(
      origin: origin, samples: max(origin[0], samples.lowerBound)..<min(end, samples.upperBound),
      firstSample: samples.lowerBound, reachesEnd: samples.upperBound >= end)
  }

  /// Where the chunk lies in `buffer`, which holds the samples being read, if it lies there whole and in one place.
  func place(of part: Part, in buffer: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer? {
    guard part.samples.count == chunk[0], chunk.dropFirst().elementsEqual(shape.dropFirst()),
      let byteCount = chunkByteCount
    else { return nil }
    let start = (part.samples.lowerBound - part.firstSample) * (byteCount / chunk[0])
    return UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + byteCount])
  }

  /// Copies a part of a decoded chunk to where its elements belong.
  /// - Parameters:
  ///   - source: the whole chunk.
  ///   - target: the samples being read.
  func copy(_ part: Part, from source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) {
    var counts = zip(shape.indices, part.origin).map { min(chunk[$0], shape[$0] - $1) }
    counts[0] = part.samples.count
    let sourceStrides = Self.strides(chunk, elementByteCount)
    let targetStrides = Self.strides(shape, elementByteCount)
    let sourceStart = (part.samples.lowerBound - part.origin[0]) * sourceStrides[0]
    var targetStart = (part.samples.lowerBound - part.firstSample) * targetStrides[0]
    for axis in shape.indices.dropFirst() { targetStart += part.origin[axis] * targetStrides[axis] }
    // The last axes that are whole in both are one run of bytes.
    var runAxis = shape.count - 1
    while runAxis > 0, chunk[runAxis] == shape[runAxis] { runAxis -= 1 }
    let runByteCount = counts[runAxis] * sourceStrides[runAxis]

    /// Copies everything below one index of each axis before `axis`.
    func copy(axis: Int, from sourceOffset: Int, to targetOffset: Int) {
      if axis == runAxis {
        UnsafeMutableRawBufferPointer(rebasing: target[targetOffset..<targetOffset + runByteCount])
          .copyMemory(
            from: UnsafeRawBufferPointer(rebasing: source[sourceOffset..<sourceOffset + runByteCount]))
        return
      }
      for index in 0..<counts[axis] {
        copy(
          axis: axis + 1, from: sourceOffset + index * sourceStrides[axis],
          to: targetOffset + index * targetStrides[axis])
      }
    }
    copy(axis: 0, from: sourceStart, to: targetStart)
  }

  private static func strides(_ shape: [Int], _ elementByteCount: Int) -> [Int] {
    var strides = [Int](repeating: elementByteCount, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    return strides
  }
}
