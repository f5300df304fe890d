#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The decompositions of symmetric matrices, by LAPACK, which is looked for when it is first needed: the program builds and runs without
/// it. LAPACK computes with one thread, so that the numbers are the same from run to run; they differ between kinds of processor.
struct LinearAlgebra: Sendable {
  private typealias Integer = UnsafeMutablePointer<Int32>
  private typealias Text = UnsafePointer<CChar>
  private typealias Numbers = UnsafeMutablePointer<Double>
  private typealias Eigenvalues =
    @convention(c) (
      Text, Text, Integer, Numbers, Integer, Numbers, Numbers, Integer, Integer, Integer, Integer
    ) -> Void
  private typealias Factorization = @convention(c) (Text, Integer, Numbers, Integer, Integer) -> Void

  private let eigenvalues: Eigenvalues
  private let factorization: Factorization

  /// Nil if the library is not here.
  static let shared = LinearAlgebra()

  /// The corresponding C functions are `dlopen` and `dlsym`.
  private init?() {
    for file in Self.files {
      guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else { continue }
      guard let eigenvalues = dlsym(library, "dsyevd_"), let factorization = dlsym(library, "dpotrf_") else {
        dlclose(library)
        continue
      }
      if let setThreads = dlsym(library, "openblas_set_num_threads") {
        unsafeBitCast(setThreads, to: (@convention(c) (Int32) -> Void).self)(1)
      }
      self.eigenvalues = unsafeBitCast(eigenvalues, to: Eigenvalues.self)
      self.factorization = unsafeBitCast(factorization, to: Factorization.self)
      return
    }
    return nil
  }

  private static var files: [String] {
    #if canImport(Darwin)
      ["/System/Library/Frameworks/Accelerate.framework/Accelerate"]
    #else
      ["libopenblas.so.0", "liblapack.so.3"]
    #endif
  }

  /// Eigenvalues in ascending order, and the eigenvectors as the rows of a matrix: Σ = Vᵀ·Λ·V.
  ///
  /// The corresponding LAPACK routine is `dsyevd`.
  ///
  /// - Returns: nil if the iteration does not end.
  func eigen(_ symmetric: DenseMatrix) -> (values: [Double], vectors: DenseMatrix)? {
    var vectors = symmetric
    var values = [Double](repeating: 0, count: symmetric.rows)
    var order = Int32(symmetric.rows)
    var leading = order
    var size: Int32 = -1
    var integerSize: Int32 = -1
    var info: Int32 = 0
    var work = [0.0]
    var integers: [Int32] = [0]
    // The first call asks how much room the second needs. What LAPACK stores by columns are rows here.
    for _ in 0..<2 {
      eigenvalues(
        "V", "U", &order, &vectors.values, &leading, &values, &work, &size, &integers, &integerSize, &info)
      guard info == 0 else { return nil }
      if size == -1 {
        size = Int32(work[0])
        integerSize = integers[0]
        work = [Double](repeating: 0, count: Int(size))
        integers = [Int32](repeating: 0, count: Int(integerSize))
      }
    }
    return (values, vectors)
  }

  /// The lower triangle L with Σ = L·Lᵀ.
  ///
  /// The corresponding LAPACK routine is `dpotrf`.
  ///
  /// - Returns: nil if the matrix is not positive definite.
  func cholesky(_ symmetric: DenseMatrix) -> DenseMatrix? {
    var factor = symmetric
    var order = Int32(symmetric.rows)
    var leading = order
    var info: Int32 = 0
    // The upper triangle by columns is the lower one by rows.
    factorization("U", &order, &factor.values, &leading, &info)
    guard info == 0 else { return nil }
    for row in 0..<factor.rows {
      for column in row + 1..<max(row + 1, factor.columns) { factor[row, column] = 0 }
    }
    return factor
  }
}
