import Jobs
import LayerFiles
import Parallel

/// Learns from the rows of `batches/` what numbers of a layer are like where nothing cancels, so that an error in a difference of
/// large numbers is not judged by the small number that is left.
final class RowScales: Sendable {
  private struct State {
    /// Rows of the same batches that have arrived, until all have.
    var pending: [BatchRow: [Double]] = [:]
    /// [C]
    var gradInput: [Double]
    /// [C]
    var deviation: [Double]
    var gradientSum = 0.0
  }

  private let layer: Layer
  private let state: Guarded<State>

  init(_ layer: Layer) {
    self.layer = layer
    let zeros = [Double](repeating: 0, count: layer.featureCount)
    state = Guarded(State(gradInput: zeros, deviation: zeros))
  }

  /// |γ|·invStd·(|dβ| + |dγ|)/m, the terms that are subtracted in dx; the largest of all batches, [C].
  var gradInput: [Double] { state.withLock { $0.gradInput } }
  /// The standard deviation, the largest of all batches, [C].
  var deviation: [Double] { state.withLock { $0.deviation } }
  /// The largest |dγ| or |dβ| of all batches and features.
  var gradientSum: Double { state.withLock { $0.gradientSum } }

  /// The rows that are needed.
  static let rows: [BatchRow] = [.variance, .invStd, .dgamma, .dbeta]

  func add(_ row: BatchRow, batches: Range<Int>, _ values: [Double]) {
    state.withLock { state in
      switch row {
      case .mean: return
      case .variance: raise(&state.deviation, values.lazy.map { $0.squareRoot() })
      case .dgamma, .dbeta:
        for value in values where value.magnitude > state.gradientSum && value.isFinite {
          state.gradientSum = value.magnitude
        }
        state.pending[row] = values
      case .invStd: state.pending[row] = values
      }
      guard let invStd = state.pending[.invStd], let dgamma = state.pending[.dgamma],
        let dbeta = state.pending[.dbeta]
      else { return }
      state.pending.removeAll(keepingCapacity: true)
      let (layer, features) = (layer, layer.featureCount)
      raise(
        &state.gradInput,
        invStd.indices.lazy.map { index in
          let count = layer.batches[batches.lowerBound + index / features].count
          // With γ = √(variance + ε), γ·invStd is 1.
          let scale = layer.parameters.map { $0[index % features].gamma.magnitude * invStd[index] } ?? 1
          return scale * (dgamma[index].magnitude + dbeta[index].magnitude)
            / Double(count * layer.layout.valuesPerFeatureAndSample)
        })
    }
  }

  /// Replaces what is smaller than a finite value of the same feature.
  private func raise(_ largest: inout [Double], _ values: some Sequence<Double>) {
    for (index, value) in values.enumerated() {
      let feature = index % largest.count
      if value > largest[feature] && value.isFinite { largest[feature] = value }
    }
  }
}

/// Hands rows to the scales, and to a comparison if there is one.
struct RowSink: SampleSink {
  let row: BatchRow
  let scales: RowScales
  let comparing: ComparingSink?

  func write(samples: Range<Int>, from buffer: UnsafeRawBufferPointer) throws {
    scales.add(row, batches: samples, Array(buffer.bindMemory(to: Double.self)))
    try comparing?.write(samples: samples, from: buffer)
  }
}
