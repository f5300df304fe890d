/// A small matrix [rows, columns], row by row, for networks and covariances.
///
/// Sums are formed in the order of their terms, each by fused multiplications and additions: the same bits on every processor.
package struct DenseMatrix: Equatable, Sendable {
  let rows: Int
  let columns: Int
  /// [rows, columns]
  var values: [Double]

  init(rows: Int, columns: Int, values: [Double]) {
    precondition(
      values.count == rows * columns, "\(values.count) values are no matrix [\(rows), \(columns)]")
    (self.rows, self.columns, self.values) = (rows, columns, values)
  }

  init(repeating value: Double, rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, values: Array(repeating: value, count: rows * columns))
  }

  subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// [columns, rows]
  var transposed: DenseMatrix {
    let source = values
    let values = [Double](unsafeUninitializedCapacity: source.count) { target, count in
      for column in 0..<columns {
        for row in 0..<rows { target[column * rows + row] = source[row * columns + column] }
      }
      count = source.count
    }
    return DenseMatrix(rows: columns, columns: rows, values: values)
  }

  /// Some rows, in the order of their numbers.
  func selecting(rows selected: some Collection<Int>) -> DenseMatrix {
    DenseMatrix(
      rows: selected.count, columns: columns,
      values: selected.flatMap { values[$0 * columns..<($0 + 1) * columns] })
  }

  /// The sums of the columns, [columns], in the order of the rows.
  var columnSums: [Double] {
    var sums = [Double](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns { sums[column] += values[row * columns + column] }
    }
    return sums
  }

  /// Adds a row, [columns], to each row.
  func addingToRows(_ row: [Double]) -> DenseMatrix {
    var result = self
    for index in result.values.indices { result.values[index] += row[index % columns] }
    return result
  }

  /// The product [a.rows, b.columns]; each entry is Σ a[i, k]·b[k, j] over k in ascending order.
  static func * (a: DenseMatrix, b: DenseMatrix) -> DenseMatrix {
    precondition(a.columns == b.rows, "[\(a.rows), \(a.columns)]·[\(b.rows), \(b.columns)]")
    let values = [Double](unsafeUninitializedCapacity: a.rows * b.columns) { target, count in
      a.values.withUnsafeBufferPointer { left in
        b.values.withUnsafeBufferPointer { right in
          for row in 0..<a.rows {
            multiply(
              UnsafeBufferPointer(rebasing: left[row * a.columns..<(row + 1) * a.columns]), right,
              into: UnsafeMutableBufferPointer(rebasing: target[row * b.columns..<(row + 1) * b.columns]))
          }
        }
      }
      count = a.rows * b.columns
    }
    return DenseMatrix(rows: a.rows, columns: b.columns, values: values)
  }

  /// One row of a product.
  /// - Parameters:
  ///   - a: [k]
  ///   - b: [k, n]
  ///   - target: [n]
  private static func multiply(
    _ a: UnsafeBufferPointer<Double>, _ b: UnsafeBufferPointer<Double>,
    into target: UnsafeMutableBufferPointer<Double>
  ) {
    let columns = target.count
    let source = UnsafeRawPointer(b.baseAddress)
    let result = UnsafeMutableRawPointer(target.baseAddress)
    var column = 0
    // Four octets at once, for additions that do not wait for each other.
    while column + 32 <= columns, let source, let result {
      var sums = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
      for index in 0..<a.count {
        let factor = SIMD8(repeating: a[index])
        let place = source + 8 * (index * columns + column)
        sums.0.addProduct(factor, place.loadUnaligned(as: SIMD8<Double>.self))
        sums.1.addProduct(factor, place.loadUnaligned(fromByteOffset: 64, as: SIMD8<Double>.self))
        sums.2.addProduct(factor, place.loadUnaligned(fromByteOffset: 128, as: SIMD8<Double>.self))
        sums.3.addProduct(factor, place.loadUnaligned(fromByteOffset: 192, as: SIMD8<Double>.self))
      }
      let place = result + 8 * column
      place.storeBytes(of: sums.0, as: SIMD8<Double>.self)
      place.storeBytes(of: sums.1, toByteOffset: 64, as: SIMD8<Double>.self)
      place.storeBytes(of: sums.2, toByteOffset: 128, as: SIMD8<Double>.self)
      place.storeBytes(of: sums.3, toByteOffset: 192, as: SIMD8<Double>.self)
      column += 32
    }
    while column + 8 <= columns, let source, let result {
      var sums = SIMD8<Double>.zero
      for index in 0..<a.count {
        let place = source + 8 * (index * columns + column)
        sums.addProduct(SIMD8(repeating: a[index]), place.loadUnaligned(as: SIMD8<Double>.self))
      }
      (result + 8 * column).storeBytes(of: sums, as: SIMD8<Double>.self)
      column += 8
    }
    while column < columns {
      var sum = 0.0
      for index in 0..<a.count { sum.addProduct(a[index], b[index * columns + column]) }
      target[column] = sum
      column += 1
    }
  }
}

/// ⟨a, b⟩ = Σa·b, in the order of the values. Arrays, and no sequences of any kind: those are slow from another file in a debug build.
func innerProduct(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "\(a.count) and \(b.count) values have no inner product")
  var sum = 0.0
  for index in a.indices { sum.addProduct(a[index], b[index]) }
  return sum
}

/// ‖v‖ = √Σv², in the order of the values.
func norm(_ values: [Double]) -> Double { innerProduct(values, values).squareRoot() }

/// ‖a - b‖
func distance(_ a: [Double], _ b: [Double]) -> Double {
  norm(zip(a, b).map { $0 - $1 })
}

/// The value in the middle of the sorted ones; of an even number, the mean of the two. NaN for none.
func median(_ values: [Double]) -> Double {
  guard !values.isEmpty else { return .nan }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
