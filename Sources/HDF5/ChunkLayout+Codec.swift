import ChunkCodec

extension ChunkLayout {
  /// The filters as the codec knows them; nil if there is one that it does not know, one twice, one with parameters that are
  /// not its own, or more than one that compresses, between which nobody says how long the data is.
  public func codecFilters(elementSize: Int) -> [ChunkFilter]? {
    guard !leavesPartialChunksUnfiltered, Set(filters.map(\.identifier)).count == filters.count else {
      return nil
    }
    var known: [ChunkFilter] = []
    var compressors = 0
    for filter in filters {
      guard let step = filter.codecFilter(elementSize: elementSize) else { return nil }
      if Self.compresses(step) { compressors += 1 }
      known.append(step)
    }
    return compressors < 2 ? known : nil
  }

  /// The first filter whose parameters are not those that it has for such elements; nil if all fit.
  public func filterWithForeignParameters(elementSize: Int) -> Filter? {
    filters.first { $0.isKnown && checkStep($0, elementSize: elementSize) == nil }
  }

  /// What finds out whether a chunk decodes to its elements; nil where nobody knows how a filter does.
  func check(elementSize: Int) -> ChunkCheck? {
    guard let chunkByteCount = Dataspace.product(shape + [elementSize]) else { return nil }
    var steps: [ChunkCheck.Step] = []
    for filter in filters {
      guard let step = checkStep(filter, elementSize: elementSize) else { return nil }
      steps.append(step)
    }
    return ChunkCheck(steps: steps, chunkByteCount: chunkByteCount)
  }

  private func checkStep(_ filter: Filter, elementSize: Int) -> ChunkCheck.Step? {
    if let known = filter.codecFilter(elementSize: elementSize) { return .known(known) }
    return Dataspace.product(shape + [elementSize])
      .flatMap {
        PackedElements(
          filter: filter.identifier, parameters: filter.parameters, elementSize: elementSize,
          chunkByteCount: $0)
      }
      .map { .packed($0) }
  }

  private static func compresses(_ filter: ChunkFilter) -> Bool {
    switch filter {
    case .deflate, .compression: true
    case .shuffle, .bitshuffle, .fletcher32: false
    }
  }
}

extension Filter {
  /// The filter if it is one that the HDF5 library has not itself, and its parameters make sense.
  public var registered: ChunkFilter? { ChunkFilter(registered: identifier, parameters: parameters) }

  /// Whether its parameters are known here, as those of the library's own six are.
  fileprivate var isKnown: Bool {
    (1...6).contains(identifier) || ChunkFilter.registered.contains(identifier)
  }

  /// The filter as the codec knows it; nil if it does not, or the parameters are not those of such elements.
  fileprivate func codecFilter(elementSize: Int) -> ChunkFilter? {
    switch identifier {
    case 1:
      guard parameters.count == 1, parameters[0] <= 9 else { return nil }
      return .deflate(level: 1)
    case 2:
      // One that was given without its number, as a second shuffle is, was skipped in writing every chunk.
      guard parameters.allSatisfy({ Int($0) == elementSize }), parameters.count <= 1 else { return nil }
      return .shuffle(elementSize: elementSize)
    case 3: return parameters.isEmpty ? .fletcher32 : nil
    default:
      guard let filter = registered, filter.suits(elementSize: elementSize), filter.isPresent else {
        return nil
      }
      return filter
    }
  }
}
