/** The attacks of the scenario `hostile` by name: plain data, light to load. What each does is in `attacks.ts` and `hub-lies.ts`. */
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

/** The lies of a hub by name. */
export const HUB_ROLES = {
  swap: 'brings what some say under the names of others, both ways',
  between: 'puts itself between two peers with link ends of its own, and carries their frames on',
  invent: 'tells of peers that there are not, with the keys of others, and plays them',
  bury: 'tells of peers that they have gone, neighbours too, who are there',
  withhold: 'holds back signals and introductions',
  echo: 'brings old signals again, late, to others and under other names',
} as const;
export type HubRoleName = keyof typeof HUB_ROLES;
