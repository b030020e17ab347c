/** The attacks of the scenario `hostile` by name: plain data, light to load. What each does is in `attacks.ts`. */
export const ATTACKS = {
  forge: 'says things in the name of others',
  alter: 'changes what it passes on',
  replay: 'says again what was said, soon and late, and what is over',
  censor: 'takes part in the trees and passes no message on',
  flood: 'sends rubbish and requests without end',
  eclipse: 'crowds around a few peers and tells them nothing',
  sybil: 'makes ids beside a few peers, and passes nothing on',
  announce: 'announces messages that nobody ever said',
  promise: 'announces messages that there are, first and nearest, and never gives them',
  graft: 'asks for everything, in trees that there are and are not',
  digest: 'compares what it has never had',
  frame: 'says what makes those who pass it on look guilty',
} as const;
export type AttackName = keyof typeof ATTACKS;
