;; Float conversions, four values a step. Bit tricks after Fabian Giesen, "Float->half variants" (public domain):
;; integer arithmetic rounds normal numbers, and adding 0.5 lets the processor round those that become subnormal.
;; Inputs and outputs lie where the caller says, and counts are multiples of 4. Everything is in line:
;; V8 does not inline calls in WebAssembly, and a call a step made it three times slower than JavaScript.
;; npm run build-kernels writes float-wasm.ts from this file.
(module
  (memory (export "memory") 52)                     ;; 3.25 MiB, divided up in float-kernels.ts
  (global $overflow (export "overflow") (mut i32) (i32.const 0))
  (global $underflow (export "underflow") (mut i32) (i32.const 0))
  (global $base2 (export "base2") (mut f64) (f64.const 0))
  (global $delta2 (export "delta2") (mut f64) (f64.const 0))
  (global $error2 (export "error2") (mut f64) (f64.const 0))
  (global $changed (export "changed") (mut i32) (i32.const 0))

  ;; Counters go down by one in a lane for each hit, as comparisons give -1
  (func $count (param $over v128) (param $under v128)
    (global.set $overflow
      (i32.sub (i32.const 0)
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $over)) (i32x4.extract_lane 1 (local.get $over)))
          (i32.add (i32x4.extract_lane 2 (local.get $over)) (i32x4.extract_lane 3 (local.get $over))))))
    (global.set $underflow
      (i32.sub (i32.const 0)
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $under)) (i32x4.extract_lane 1 (local.get $under)))
          (i32.add (i32x4.extract_lane 2 (local.get $under)) (i32x4.extract_lane 3 (local.get $under)))))))

  (func (export "f32ToF16") (param $in i32) (param $out i32) (param $count i32)
    (local $end i32)
    (local $x v128) (local $a v128) (local $r v128) (local $code v128) (local $small v128) (local $large v128)
    (local $over v128) (local $under v128)
    (local.set $end (i32.add (local.get $in) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (local.set $x (v128.load (local.get $in)))
        (local.set $a (v128.and (local.get $x) (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff)))
        ;; 2^-14 <= |x| < 65520: exponent rebiased, mantissa rounded to nearest even
        (local.set $r (i32x4.sub (local.get $a) (v128.const i32x4 0x38000000 0x38000000 0x38000000 0x38000000)))
        (local.set $code
          (i32x4.shr_u
            (i32x4.add
              (i32x4.add (local.get $r) (v128.const i32x4 0xfff 0xfff 0xfff 0xfff))
              (v128.and (i32x4.shr_u (local.get $r) (i32.const 13)) (v128.const i32x4 1 1 1 1)))
            (i32.const 13)))
        (local.set $small (i32x4.lt_s (local.get $a) (v128.const i32x4 0x38800000 0x38800000 0x38800000 0x38800000)))
        (local.set $large (i32x4.ge_s (local.get $a) (v128.const i32x4 0x477ff000 0x477ff000 0x477ff000 0x477ff000)))
        (if (v128.any_true (v128.or (local.get $small) (local.get $large)))   ;; one step in a hundred, in weights
          (then
            ;; |x| < 2^-14: 0.5 + |x| has steps of 2^-24, as subnormal halves have
            (local.set $code
              (v128.bitselect
                (i32x4.sub
                  (f32x4.add (local.get $a) (v128.const f32x4 0.5 0.5 0.5 0.5))
                  (v128.const i32x4 0x3f000000 0x3f000000 0x3f000000 0x3f000000))
                (local.get $code)
                (local.get $small)))
            ;; |x| >= 65520: infinity, or a quiet NaN that keeps its upper payload bits
            (local.set $code
              (v128.bitselect
                (v128.or
                  (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00)
                  (v128.and
                    (v128.or
                      (v128.and (i32x4.shr_u (local.get $a) (i32.const 13)) (v128.const i32x4 0x3ff 0x3ff 0x3ff 0x3ff))
                      (v128.const i32x4 0x200 0x200 0x200 0x200))
                    (i32x4.gt_s (local.get $a) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))
                (local.get $code)
                (local.get $large)))
            (local.set $over
              (i32x4.add (local.get $over)
                (v128.and (local.get $large) (i32x4.lt_s (local.get $a) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000)))))
            (local.set $under
              (i32x4.add (local.get $under)
                (v128.andnot
                  (i32x4.eq (local.get $code) (v128.const i32x4 0 0 0 0))
                  (i32x4.eq (local.get $a) (v128.const i32x4 0 0 0 0)))))))
        (local.set $code
          (v128.or (local.get $code) (v128.and (i32x4.shr_u (local.get $x) (i32.const 16)) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000))))
        (v128.store64_lane 0 (local.get $out) (i16x8.narrow_i32x4_u (local.get $code) (local.get $code)))
        (local.set $in (i32.add (local.get $in) (i32.const 16)))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (br $next)))
    (call $count (local.get $over) (local.get $under)))

  (func (export "f32ToBF16") (param $in i32) (param $out i32) (param $count i32)
    (local $end i32)
    (local $x v128) (local $a v128) (local $high v128) (local $code v128) (local $over v128) (local $under v128)
    (local.set $end (i32.add (local.get $in) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (local.set $x (v128.load (local.get $in)))
        (local.set $a (v128.and (local.get $x) (v128.const i32x4 0x7fffffff 0x7fffffff 0x7fffffff 0x7fffffff)))
        (local.set $high (i32x4.shr_u (local.get $x) (i32.const 16)))
        ;; the upper half, rounded to nearest even
        (local.set $code
          (i32x4.shr_u
            (i32x4.add
              (i32x4.add (local.get $x) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff))
              (v128.and (local.get $high) (v128.const i32x4 1 1 1 1)))
            (i32.const 16)))
        (if                                          ;; zero, about to vanish, or the largest and beyond
          (v128.any_true
            (v128.or
              (i32x4.lt_s (local.get $a) (v128.const i32x4 0x10000 0x10000 0x10000 0x10000))
              (i32x4.ge_s (local.get $a) (v128.const i32x4 0x7f7f8000 0x7f7f8000 0x7f7f8000 0x7f7f8000))))
          (then
            ;; a NaN stays one even if its payload lies in the lower half
            (local.set $code
              (v128.bitselect
                (v128.or (local.get $high) (v128.const i32x4 0x40 0x40 0x40 0x40))
                (local.get $code)
                (i32x4.gt_s (local.get $a) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))))
            ;; from 0x7f7f8000 on the nearest bfloat16 is infinity
            (local.set $over
              (i32x4.add (local.get $over)
                (v128.and
                  (i32x4.ge_s (local.get $a) (v128.const i32x4 0x7f7f8000 0x7f7f8000 0x7f7f8000 0x7f7f8000))
                  (i32x4.lt_s (local.get $a) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000)))))
            (local.set $under
              (i32x4.add (local.get $under)
                (v128.andnot
                  (i32x4.eq (v128.and (local.get $code) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)) (v128.const i32x4 0 0 0 0))
                  (i32x4.eq (local.get $a) (v128.const i32x4 0 0 0 0)))))))
        (v128.store64_lane 0 (local.get $out) (i16x8.narrow_i32x4_u (local.get $code) (local.get $code)))
        (local.set $in (i32.add (local.get $in) (i32.const 16)))
        (local.set $out (i32.add (local.get $out) (i32.const 8)))
        (br $next)))
    (call $count (local.get $over) (local.get $under)))

  (func (export "f16ToF32") (param $in i32) (param $out i32) (param $count i32)
    (local $end i32) (local $h v128) (local $m v128) (local $shifted v128) (local $x v128) (local $small v128) (local $large v128)
    (local.set $end (i32.add (local.get $in) (i32.shl (local.get $count) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (local.set $h (v128.load16x4_u (local.get $in)))
        (local.set $m (v128.and (local.get $h) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)))
        (local.set $shifted (i32x4.shl (local.get $m) (i32.const 13)))
        (local.set $x (i32x4.add (local.get $shifted) (v128.const i32x4 0x38000000 0x38000000 0x38000000 0x38000000)))
        (local.set $small (i32x4.lt_s (local.get $m) (v128.const i32x4 0x400 0x400 0x400 0x400)))
        (local.set $large (i32x4.ge_s (local.get $m) (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00)))
        (if (v128.any_true (v128.or (local.get $small) (local.get $large)))   ;; one step in a hundred, in weights
          (then
            (local.set $x
              (v128.bitselect
                ;; infinity, or NaN made quiet
                (v128.or
                  (v128.or (local.get $shifted) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))
                  (v128.and (i32x4.gt_s (local.get $m) (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00)) (v128.const i32x4 0x400000 0x400000 0x400000 0x400000)))
                (v128.bitselect
                  ;; subnormal: the code counts steps of 2^-24
                  (f32x4.mul (f32x4.convert_i32x4_u (local.get $m)) (v128.const f32x4 0x1p-24 0x1p-24 0x1p-24 0x1p-24))
                  (local.get $x)
                  (local.get $small))
                (local.get $large)))))
        (v128.store (local.get $out)
          (v128.or
            (i32x4.shl (v128.and (local.get $h) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000)) (i32.const 16))
            (local.get $x)))
        (local.set $in (i32.add (local.get $in) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next))))

  (func (export "bf16ToF32") (param $in i32) (param $out i32) (param $count i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $in) (i32.shl (local.get $count) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (v128.store (local.get $out) (i32x4.shl (v128.load16x4_u (local.get $in)) (i32.const 16)))
        (local.set $in (i32.add (local.get $in) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next))))

  ;; What a patch did, from values before and after in binary32. The value as written is found again by arithmetic: adding
  ;; and taking away |x| * 2^(bits lost) leaves as many bits as the type has (Veltkamp), and $magic its smallest steps. This
  ;; takes half the time of decoding what was written; a tie may go the other way, which is as far off.
  ;; Sums grow in binary32 for 64 steps, then go on in binary64: every sum of 64 squares is still right to 4e-6.
  (func (export "countPatch")
    (param $before i32) (param $after i32) (param $count i32) (param $splitter f32) (param $smallest f32) (param $magic f32)
    (local $end i32) (local $stop i32) (local $b v128) (local $a v128) (local $c v128) (local $w v128) (local $d v128)
    (local $sb v128) (local $sd v128) (local $se v128) (local $small v128)
    (global.set $base2 (f64.const 0))
    (global.set $delta2 (f64.const 0))
    (global.set $error2 (f64.const 0))
    (local.set $end (i32.add (local.get $before) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $piece
        (br_if $done (i32.ge_u (local.get $before) (local.get $end)))
        (local.set $stop (i32.add (local.get $before) (i32.const 1024)))    ;; 64 steps of 16 bytes
        (if (i32.gt_u (local.get $stop) (local.get $end)) (then (local.set $stop (local.get $end))))
        (local.set $sb (v128.const f32x4 0 0 0 0))
        (local.set $sd (v128.const f32x4 0 0 0 0))
        (local.set $se (v128.const f32x4 0 0 0 0))
        (loop $next
          (local.set $b (v128.load (local.get $before)))
          (local.set $a (v128.load (local.get $after)))
          (local.set $c (f32x4.mul (local.get $a) (f32x4.splat (local.get $splitter))))
          (local.set $w (f32x4.sub (local.get $c) (f32x4.sub (local.get $c) (local.get $a))))
          (local.set $small (f32x4.lt (f32x4.abs (local.get $a)) (f32x4.splat (local.get $smallest))))
          (if (v128.any_true (local.get $small))
            (then
              (local.set $c (f32x4.splat (local.get $magic)))
              (local.set $w
                (v128.bitselect
                  (f32x4.sub (f32x4.add (local.get $a) (local.get $c)) (local.get $c))
                  (local.get $w)
                  (local.get $small)))))
          (local.set $d (f32x4.sub (local.get $a) (local.get $b)))
          (local.set $w (f32x4.sub (local.get $w) (local.get $a)))
          (local.set $sb (f32x4.add (local.get $sb) (f32x4.mul (local.get $b) (local.get $b))))
          (local.set $sd (f32x4.add (local.get $sd) (f32x4.mul (local.get $d) (local.get $d))))
          (local.set $se (f32x4.add (local.get $se) (f32x4.mul (local.get $w) (local.get $w))))
          (local.set $before (i32.add (local.get $before) (i32.const 16)))
          (local.set $after (i32.add (local.get $after) (i32.const 16)))
          (br_if $next (i32.lt_u (local.get $before) (local.get $stop))))
        (global.set $base2 (f64.add (global.get $base2) (call $total (local.get $sb))))
        (global.set $delta2 (f64.add (global.get $delta2) (call $total (local.get $sd))))
        (global.set $error2 (f64.add (global.get $error2) (call $total (local.get $se))))
        (br $piece))))

  ;; How many 16-bit codes are other ones; zeros are the same whatever their sign
  (func (export "countCodes") (param $a i32) (param $b i32) (param $count i32)
    (local $end i32) (local $x v128) (local $y v128) (local $same v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $a) (local.get $end)))
        (local.set $x (v128.load16x4_u (local.get $a)))
        (local.set $y (v128.load16x4_u (local.get $b)))
        (local.set $same                              ;; goes down by one in a lane that is equal
          (i32x4.add (local.get $same)
            (v128.or
              (i32x4.eq (local.get $x) (local.get $y))
              (i32x4.eq
                (v128.and
                  (v128.or (local.get $x) (local.get $y))
                  (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff))
                (v128.const i32x4 0 0 0 0)))))
        (local.set $a (i32.add (local.get $a) (i32.const 8)))
        (local.set $b (i32.add (local.get $b) (i32.const 8)))
        (br $next)))
    (global.set $changed
      (i32.add (local.get $count)
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $same)) (i32x4.extract_lane 1 (local.get $same)))
          (i32.add (i32x4.extract_lane 2 (local.get $same)) (i32x4.extract_lane 3 (local.get $same)))))))

  ;; out = share * a + other * b, in binary64, each rounded once to binary32
  (func (export "blend") (param $a i32) (param $b i32) (param $out i32) (param $count i32) (param $share f64) (param $other f64)
    (local $end i32) (local $x v128) (local $y v128)
    (local.set $end (i32.add (local.get $a) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $a) (local.get $end)))
        (local.set $x (v128.load (local.get $a)))
        (local.set $y (v128.load (local.get $b)))
        (v128.store (local.get $out)
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
            (f32x4.demote_f64x2_zero
              (f64x2.add
                (f64x2.mul (f64x2.promote_low_f32x4 (local.get $x)) (f64x2.splat (local.get $share)))
                (f64x2.mul (f64x2.promote_low_f32x4 (local.get $y)) (f64x2.splat (local.get $other)))))
            (f32x4.demote_f64x2_zero
              (f64x2.add
                (f64x2.mul
                  (f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x)))
                  (f64x2.splat (local.get $share)))
                (f64x2.mul
                  (f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $y) (local.get $y)))
                  (f64x2.splat (local.get $other)))))))
        (local.set $a (i32.add (local.get $a) (i32.const 16)))
        (local.set $b (i32.add (local.get $b) (i32.const 16)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next))))

  (func $total (param $x v128) (result f64)
    (f64.add
      (f64.add
        (f64.promote_f32 (f32x4.extract_lane 0 (local.get $x)))
        (f64.promote_f32 (f32x4.extract_lane 1 (local.get $x))))
      (f64.add
        (f64.promote_f32 (f32x4.extract_lane 2 (local.get $x)))
        (f64.promote_f32 (f32x4.extract_lane 3 (local.get $x)))))))
