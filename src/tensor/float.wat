;; Float conversions, four values a step. Bit tricks after Fabian Giesen, "Float->half variants" (public domain):
;; integer arithmetic rounds normal numbers, and adding 0.5 lets the processor round those that become subnormal.
;; The input lies at byte 0, the output from byte 0x80000 on, and counts are multiples of 4. Everything is in line:
;; V8 does not inline calls in WebAssembly, and a call a step made it three times slower than JavaScript.
;; node scripts/build-kernels.mjs writes float-wasm.ts from this file.
(module
  (memory (export "memory") 16)                     ;; 1 MiB: input 512 KiB, output 512 KiB
  (global $overflow (export "overflow") (mut i32) (i32.const 0))
  (global $underflow (export "underflow") (mut i32) (i32.const 0))

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

  (func (export "f32ToF16") (param $count i32)
    (local $in i32) (local $end i32) (local $out i32)
    (local $x v128) (local $a v128) (local $r v128) (local $code v128) (local $small v128) (local $large v128)
    (local $over v128) (local $under v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 2)))
    (local.set $out (i32.const 0x80000))
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

  (func (export "f32ToBF16") (param $count i32)
    (local $in i32) (local $end i32) (local $out i32)
    (local $x v128) (local $a v128) (local $high v128) (local $code v128) (local $over v128) (local $under v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 2)))
    (local.set $out (i32.const 0x80000))
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

  (func (export "f16ToF32") (param $count i32)
    (local $in i32) (local $end i32) (local $out i32) (local $h v128) (local $m v128) (local $shifted v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 1)))
    (local.set $out (i32.const 0x80000))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (local.set $h (v128.load16x4_u (local.get $in)))
        (local.set $m (v128.and (local.get $h) (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)))
        (local.set $shifted (i32x4.shl (local.get $m) (i32.const 13)))
        (v128.store (local.get $out)
          (v128.or
            (i32x4.shl (v128.and (local.get $h) (v128.const i32x4 0x8000 0x8000 0x8000 0x8000)) (i32.const 16))
            (v128.bitselect
              ;; infinity, or NaN made quiet
              (v128.or
                (v128.or (local.get $shifted) (v128.const i32x4 0x7f800000 0x7f800000 0x7f800000 0x7f800000))
                (v128.and (i32x4.gt_s (local.get $m) (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00)) (v128.const i32x4 0x400000 0x400000 0x400000 0x400000)))
              (v128.bitselect
                ;; subnormal: the code counts steps of 2^-24
                (f32x4.mul (f32x4.convert_i32x4_u (local.get $m)) (v128.const f32x4 0x1p-24 0x1p-24 0x1p-24 0x1p-24))
                (i32x4.add (local.get $shifted) (v128.const i32x4 0x38000000 0x38000000 0x38000000 0x38000000))
                (i32x4.lt_s (local.get $m) (v128.const i32x4 0x400 0x400 0x400 0x400)))
              (i32x4.ge_s (local.get $m) (v128.const i32x4 0x7c00 0x7c00 0x7c00 0x7c00)))))
        (local.set $in (i32.add (local.get $in) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next))))

  (func (export "bf16ToF32") (param $count i32)
    (local $in i32) (local $end i32) (local $out i32)
    (local.set $end (i32.shl (local.get $count) (i32.const 1)))
    (local.set $out (i32.const 0x80000))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $in) (local.get $end)))
        (v128.store (local.get $out) (i32x4.shl (v128.load16x4_u (local.get $in)) (i32.const 16)))
        (local.set $in (i32.add (local.get $in) (i32.const 8)))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (br $next)))))
