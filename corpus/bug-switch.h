/* A word shared with whoever throws the switch: 0 is the original, k is mutation k. Included before everything else
   (cc -include); checking it makes no system call. bug-switch.c is linked into the
   program once. */
#ifndef PERFSCOPE_BUG_SWITCH_H
#define PERFSCOPE_BUG_SWITCH_H
#ifndef __ASSEMBLER__
extern volatile int *perfscope_switch;
#define BUG(k) (*perfscope_switch == (k))
#endif
#endif
