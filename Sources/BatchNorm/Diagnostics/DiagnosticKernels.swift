import Arithmetic

extension Decomposition {
  /// Samples of the matrix, or of the planes.
  func loopRows(_ samples: Int) -> LoopRows {
    let columnsPerRow = layout.featureCount * layout.planeLength
    guard lanesAreColumns else {
      return LoopRows(
        .planes(length: layout.planeLength), count: samples * layout.positionRows, stride: columnsPerRow)
    }
    let (wide, rest) = rows(inSamples: samples)
    return LoopRows(.columns, count: wide, stride: columnCount, restColumns: rest * columnsPerRow)
  }

  /// Adds the values of some samples, or their squares, to the sums of columns.
  /// - Parameters:
  ///   - octets: a tile.
  ///   - sums: [octets.count]
  func addPowers(
    of tensor: ReadableTensor, _ samples: Range<Int>, octets: Range<Int>, isSquared: Bool,
    to sums: UnsafeMutablePointer<Lanes>
  ) {
    addPowers(
      of: tensor, offset: samples.lowerBound * layout.valuesPerSample, loopRows(samples.count),
      octets: octets, isSquared: isSquared, to: sums)
  }

  /// Adds one sample's values to the sums of the columns of its own rows of [C, S], or of features where planes fill the lanes.
  /// - Parameter octets: of those columns.
  func addSums(
    ofSample sample: Int, of tensor: ReadableTensor, octets: Range<Int>, to sums: UnsafeMutablePointer<Lanes>
  ) {
    let columnsPerRow = layout.featureCount * layout.planeLength
    let rows = LoopRows(
      lanesAreColumns ? .columns : .planes(length: layout.planeLength), count: layout.positionRows,
      stride: columnsPerRow)
    addPowers(
      of: tensor, offset: sample * layout.valuesPerSample, rows, octets: octets, isSquared: false, to: sums)
  }

  private func addPowers(
    of tensor: ReadableTensor, offset: Int, _ rows: LoopRows, octets: Range<Int>, isSquared: Bool,
    to sums: UnsafeMutablePointer<Lanes>
  ) {
    func add<Loops: CompiledLoops>(_: Loops.Type) {
      func loop<E: Element>(_: E.Type) -> PowerSums<E, Loops> {
        PowerSums(tensor.pointer(E.self) + offset, rows, octets: octets, isSquared: isSquared, to: sums)
      }
      switch tensor.type {
      case .float: Loops.add(loop(Float.self))
      case .double: Loops.add(loop(Double.self))
      }
    }
    add(kernels.loops)
  }
}

extension SampleTensors {
  /// Adds what some of the samples give to the sums of columns.
  /// - Parameters:
  ///   - octets: a tile.
  ///   - sums: [octets.count]
  func addInputGradient(
    _ dy: ReadableTensor, _ coefficients: BatchCoefficients, samples: Range<Int>, octets: Range<Int>,
    to sums: UnsafeMutablePointer<InputGradientSums>
  ) {
    let decomposition = coefficients.decomposition
    let layout = decomposition.layout
    let offset = samples.lowerBound * layout.valuesPerSample
    func add<Loops: CompiledLoops>(_: Loops.Type) {
      func loop<E: Element>(_: E.Type) -> InputGradientLoop<E, Loops> {
        InputGradientLoop(
          x: x.pointer(E.self) + offset, dy: dy.pointer(E.self) + offset,
          decomposition.loopRows(samples.count), octets: octets, coefficients: coefficients.columns,
          isCentered: centersGradient,
          mask: mask.map {
            ColumnMask(
              bytes: $0 + samples.lowerBound * layout.valuesPerFeatureAndSample,
              foldedRows: decomposition.foldedRows, columnsPerRow: layout.featureCount * layout.planeLength,
              planeLength: layout.planeLength)
          }, to: sums)
      }
      switch x.type {
      case .float: Loops.add(loop(Float.self))
      case .double: Loops.add(loop(Double.self))
      }
    }
    add(decomposition.kernels.loops)
  }
}
