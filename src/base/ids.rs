//! Positions that know whose they are: a distribution's number does not fit into a list of packages.

use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Index, IndexMut};

/// A position in lists of one kind.
pub trait Id: Copy + Ord + Hash {
    /// The id of a position.
    fn at(position: usize) -> Self;
    /// Where in the list it stands.
    fn position(self) -> usize;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl Id for $name {
            fn at(position: usize) -> Self {
                Self(u32::try_from(position).expect("inventories are bounded far below four thousand million"))
            }

            fn position(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A Python distribution, by its position in the inventory.
    DistId
    /// A package of the operating system, by its position in the inventory.
    PackageId
    /// A conda package, by its position in the inventory.
    CondaId
}

/// A list whose elements are asked for by their ids: the inventory itself, or what is noted beside each of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered<I, T> {
    all: Vec<T>,
    by: PhantomData<I>,
}

impl<I: Id, T> Numbered<I, T> {
    /// All ids, in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.all.len()).map(I::at)
    }

    /// The elements with their ids.
    pub fn pairs(&self) -> impl DoubleEndedIterator<Item = (I, &T)> + ExactSizeIterator {
        self.all.iter().enumerate().map(|(position, one)| (I::at(position), one))
    }

    /// The element of an id that may be another inventory's.
    pub fn get(&self, id: I) -> Option<&T> {
        self.all.get(id.position())
    }

    /// What is noted beside each element.
    pub fn beside<U>(&self, of: impl FnMut(I) -> U) -> Numbered<I, U> {
        self.ids().map(of).collect()
    }

    /// Adds an element, and says which it is.
    pub fn push(&mut self, one: T) -> I {
        self.all.push(one);
        I::at(self.all.len() - 1)
    }
}

impl<I, T> Default for Numbered<I, T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<I, T> From<Vec<T>> for Numbered<I, T> {
    fn from(all: Vec<T>) -> Self {
        Self { all, by: PhantomData }
    }
}

impl<I, T> FromIterator<T> for Numbered<I, T> {
    fn from_iter<A: IntoIterator<Item = T>>(all: A) -> Self {
        Self::from(Vec::from_iter(all))
    }
}

impl<'a, I, T> IntoIterator for &'a Numbered<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl<'a, I, T> IntoIterator for &'a mut Numbered<I, T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter_mut()
    }
}

impl<I, T> Deref for Numbered<I, T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.all
    }
}

impl<I, T> DerefMut for Numbered<I, T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.all
    }
}

impl<I: Id, T> Index<I> for Numbered<I, T> {
    type Output = T;

    fn index(&self, id: I) -> &T {
        &self.all[id.position()]
    }
}

impl<I: Id, T> IndexMut<I> for Numbered<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.all[id.position()]
    }
}
